"""The parts of an answer that an engine gives as one text: reasoning in tags, calls in tags or by a grammar. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from inference_workers.engines.call_text import CallText
from inference_workers.engines.think_tags import ThinkSplitter
from inference_workers.ports import AnswerEvent, Arguments, Delta, EngineRequest, Reasoning, ToolCall
from infra.models.tool_prompts import must_call


class TextParts:
    """Deltas in, the events of an answer out. `answered`, `thought`, `called`: what there was."""

    def __init__(self, request: EngineRequest) -> None:
        held = request.offers_tools and must_call(request.tooling)
        # A text that goes on begins with no tag, and a grammar writes none.
        self._tags = ThinkSplitter("off" if request.prefix or held else request.model.think_tags)
        self._calls = CallText(inside=held) if request.offers_tools else None
        self._tokens = 0
        self.answered = self.thought = self.called = False

    def feed(self, delta: Delta) -> list[AnswerEvent]:
        """What a delta adds to the answer."""
        if self._calls is None and self._tags.over and not self._tokens:
            self.answered = self.answered or bool(delta.text)
            return [delta]
        waiting, self._tokens = self._tokens, self._tokens + delta.tokens
        told = self._told(self._tags.feed(delta.text), delta.logprobs)
        if not waiting and len(told) == 1 and type(told[0]) is Delta and told[0].text == delta.text:
            return [delta]  # with its ids
        return told

    def end(self) -> list[AnswerEvent]:
        """What waited for more."""
        found = self._told(self._tags.end(), "")
        if self._calls is not None:
            found += [event for kind, text in self._calls.end() if (event := self._event(kind, text, "")) is not None]
        return found

    def _told(self, pieces: Iterable[tuple[str, str]], logprobs: str) -> list[AnswerEvent]:
        found: list[AnswerEvent] = []
        for kind, text in pieces:
            inner: Iterable[tuple[str, str]] = [(kind, text)]
            if kind == "text" and self._calls is not None:
                inner = self._calls.feed(text)
            for what, said in inner:
                if (event := self._event(what, said, logprobs)) is not None:
                    found.append(event)
                    logprobs = ""
        return found

    def _event(self, kind: str, text: str, logprobs: str) -> AnswerEvent | None:
        if kind == "call":
            self.called = True
            return ToolCall("", text)
        if not text:
            return None
        tokens, self._tokens = self._tokens, 0
        match kind:
            case "arguments":
                return Arguments(text, tokens)
            case "reasoning":
                self.thought = True
                return Reasoning(text, tokens)
            case _:
                self.answered = True
                return Delta(text, tokens, None, logprobs)
