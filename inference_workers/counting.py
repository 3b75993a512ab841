"""Token counts of an attempt: how much an engine may still send, and which of its counts are believed. Pure."""

from __future__ import annotations

from inference_workers.ports import Finish
from schemas.limits import MAX_TOKENS
from schemas.price import Usage

SLACK_TOKENS = 64
"""What an engine may count beyond the tokens that were asked for: end-of-text and other special tokens, and the tokens
of a stop string that it generated and kept to itself."""

RUNAWAY_FACTOR = 4
"""Our count of an upstream's tokens is that of its deltas, and some upstreams send a token in several. An answer of so
many times the deltas that were asked for tokens is ended, whatever they hold."""


def runaway_at(max_tokens: int) -> int:
    """The number of our own counted tokens at which an engine that was asked for `max_tokens` is stopped."""
    return max(max_tokens, 1) * RUNAWAY_FACTOR + SLACK_TOKENS


def counted_usage(
    finish: Finish | None,
    *,
    prompt: int,
    said: int,
    thought: int,
    before: int = 0,
    thought_before: int = 0,
    resumed: bool = False,
    max_tokens: int,
    context_tokens: int,
) -> Usage:
    """The usage of a generation at the end of an attempt.

    `prompt`, `said`, `thought`: our own counts of the prompt, of this attempt's reasoning (`thought`) and of all else
    that it said. `before`: tokens of the answer that earlier attempts had published, `thought_before` of them
    reasoning. `resumed`: the engine's prompt held answer text, so its count is not the prompt's. An engine's count is
    taken if it can be true: a prompt within the model's context, an answer within `max_tokens` (of this attempt) and
    SLACK_TOKENS, and not 0 for an answer that says something. Else our own stands, at most what was asked for, and the
    usage is marked `estimated`.
    """
    told = finish or Finish("stop")
    at_most = max(max_tokens, 1) + SLACK_TOKENS
    prompt_told = None if resumed or before else told.prompt_tokens
    prompt_believed = prompt_told is not None and 0 <= prompt_told <= min(context_tokens, MAX_TOKENS)
    prompts = prompt_told if prompt_told is not None and prompt_believed else prompt
    cached, cached_believed = 0, True
    if told.cached_tokens is not None and prompt_believed:
        cached_believed = 0 <= told.cached_tokens <= prompts
        cached = told.cached_tokens if cached_believed else 0
    completion_told = told.completion_tokens
    least = 1 if said + thought > 0 else 0
    completion_believed = completion_told is not None and least <= completion_told <= at_most
    own = min(max(said, 0) + max(thought, 0), at_most)
    completion = completion_told if completion_told is not None and completion_believed else own
    reasoning, reasoning_believed = min(max(thought, 0), completion), True
    if told.reasoning_tokens is not None:
        reasoning_believed = 0 <= told.reasoning_tokens <= completion
        reasoning = told.reasoning_tokens if reasoning_believed else reasoning
    return Usage(
        prompt_tokens=_within(prompts),
        completion_tokens=_within(max(before, 0) + completion),
        cached_tokens=min(cached, _within(prompts)),
        reasoning_tokens=min(reasoning + min(max(thought_before, 0), max(before, 0)), MAX_TOKENS),
        estimated=not (prompt_believed and cached_believed and completion_believed and reasoning_believed),
    )


NOTHING = Usage(0, 0)
"""Of a try that no engine took."""


def _within(tokens: int) -> int:
    return min(max(tokens, 0), MAX_TOKENS)
