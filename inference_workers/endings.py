"""Checks that an answer that ended is a real answer. Pure, the same for every engine."""

from __future__ import annotations

from dataclasses import replace

from inference_workers.ports import EngineFailed, EngineRequest, Finish


def checked_end(request: EngineRequest, finish: Finish, *, answered: bool, thought: bool, called: bool) -> Finish:
    """`finish`, if what came before it makes an answer. Raises EngineFailed, in words that say what to do.

    An answer without text is one where its stop string came first, where it went on from an answer that was whole
    already, and where its tokens ran out (`length`) while the model was still thinking: the reason tells. A call of
    a tool is one where tools were offered, whatever the reason says; elsewhere it is none.
    """
    if request.offers_tools:
        if called:
            return finish if finish.reason != "stop" else replace(finish, reason="tool_calls")
        if finish.reason == "tool_calls":
            if not answered:
                raise EngineFailed(
                    "the model said that it calls a tool, and called none: ask again", code="empty_answer"
                )
            finish = replace(finish, reason="stop")
    elif finish.reason == "tool_calls" or (called and not answered):
        said = "the model called a tool, but none was offered: ask again, or check the model's settings upstream"
        raise EngineFailed(said, code="unexpected_tool_call")
    if answered or request.prefix or finish.reason == "content_filter":
        return finish
    if finish.reason == "length":
        if thought or finish.completion_tokens or finish.reasoning_tokens:
            return finish
        said = "the prompt leaves no room for an answer: shorten the conversation"
        raise EngineFailed(said, code="empty_answer")
    if thought:
        raise EngineFailed("the model stopped after thinking and gave no answer: ask again", code="empty_answer")
    if request.sampling.stop:
        return finish
    raise EngineFailed("the model gave an empty answer: ask again", code="empty_answer")
