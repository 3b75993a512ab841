"""Reads a Chat Completions event stream. Pure: bytes in, an answer's parts and counts out. Hot path: one call a read.

Nothing unknown is taken for a good end: an answer is complete by a finish reason that is known to be one.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import orjson

from inference_workers.endings import checked_end
from inference_workers.engines.event_stream import MAX_EVENT_BYTES, EventStream
from inference_workers.engines.openai_calls import Calls
from inference_workers.engines.openai_chunks import (
    IDLE,
    REASONS,
    NoJson,
    lenient_json,
    read_details,
    read_logprobs,
    shown_reason,
    told_finish,
    usage_elsewhere,
)
from inference_workers.engines.think_tags import ThinkSplitter
from inference_workers.engines.upstream_errors import error_in, told_error
from inference_workers.ports import (
    AnswerEvent,
    Delta,
    EngineError,
    EngineFailed,
    EngineRequest,
    EngineUnavailable,
    Finish,
    FinishReason,
    Reasoning,
    Refusal,
)
from inference_workers.text import SurrogatePieces

_OtherKind = Literal["reasoning", "refusal"]
_Kind = Literal["text", "reasoning", "refusal"]
MAX_TOLD = 4096
"""Tokens of which logprobs may wait for the text."""
_ODD = (AttributeError, TypeError, LookupError, OverflowError, RecursionError)
"""What fields that are none lead to, numbers beyond all bounds, and values nested too deeply."""
_NO_CHUNK = "the upstream sent an event that is not a chat completion chunk"


class ChatStream:
    """One answer as it arrives: `feed` each read, `end` when no more will come, then `finish`.

    `tokens` counts all signs of work: text, reasoning, parts of tool calls. `ended`: a finish reason came, and only
    the usage and [DONE] should follow. `over`: nothing that follows matters. `error`: what is wrong with the stream,
    to be raised once the answer before it has been passed on. Calls of tools that were not offered are passed over.
    """

    def __init__(self, request: EngineRequest) -> None:
        self.tokens = 0
        self.done = False
        self.error: EngineError | None = None
        self._request = request
        self._events = EventStream()
        self._out: list[AnswerEvent] = []
        self._plain = False  # ASCII text is only to be gathered
        self._kind: _Kind = "text"
        self._texts: list[str] = []  # of this kind, not passed on yet
        self._logprobs: list[dict[str, Any]] = []
        self._wants_logprobs = request.sampling.top_logprobs is not None
        self._answered = self._thought = self._called = False
        self._calls = Calls() if request.offers_tools else None
        # A text that goes on begins with no tag.
        self._tags = ThinkSplitter("off" if request.prefix else request.model.think_tags)
        self._reason: FinishReason | None = None
        self._usage: dict[str, Any] = {}
        self._pairs = SurrogatePieces()
        self._other_pairs: dict[_OtherKind, SurrogatePieces] = {
            "reasoning": SurrogatePieces(),
            "refusal": SurrogatePieces(),
        }

    @property
    def ended(self) -> bool:
        return self._reason is not None

    @property
    def over(self) -> bool:
        return self.done or self.error is not None

    @property
    def counted(self) -> bool:
        """Whether the usage has come."""
        return bool(self._usage)

    def feed(self, data: bytes) -> list[AnswerEvent]:
        """What these bytes add to the answer, everything of a part as one."""
        try:
            for name, payload in self._events.feed(data):
                if self.done:
                    break
                self._take(name, payload)
        except EngineError as error:
            self._fail(error)
        except _ODD:
            self._fail(EngineFailed(_NO_CHUNK))
        if self._events.overlong and not self.over:
            self._fail(EngineFailed(f"the upstream sent an event of more than {MAX_EVENT_BYTES} bytes"))
        return self._taken()

    def end(self) -> list[AnswerEvent]:
        """What waited for more bytes. An event that was cut off in its middle is passed over."""
        if not self.over:
            try:
                for name, payload in self._events.end():
                    self._take(name, payload)
            except NoJson:
                pass
            except EngineError as error:
                self._fail(error)
            except _ODD:
                self._fail(EngineFailed(_NO_CHUNK))
        for kind, text in self._tags.end():
            self._put(kind, text)
        for other, pairs in self._other_pairs.items():
            if rest := pairs.flush():
                self._put(other, rest)
        if rest := self._pairs.flush():
            self._put("text", rest)
        found = self._taken()
        if self._calls is not None:
            found += self._calls.end(whole=self._reason is not None, cut=self._reason in ("length", "content_filter"))
        return found

    def finish(self) -> Finish:
        """How it ended. Raises EngineError if that was no good end."""
        if self.error is not None:
            raise self.error
        if self._reason is None:
            if self.done:
                raise EngineFailed("the upstream ended its answer without a finish reason")
            raise EngineUnavailable("the upstream's answer broke off")
        finish = told_finish(self._reason, self._usage)
        called = self._called or (self._calls is not None and self._calls.any)
        return checked_end(self._request, finish, answered=self._answered, thought=self._thought, called=called)

    def _fail(self, error: EngineError) -> None:
        """Behind a finish reason nothing fails the answer any more."""
        if self._reason is not None:
            self.done = True
        elif self.error is None:
            self.error = error

    def _take(self, name: bytes, payload: bytes) -> None:
        try:
            chunk = orjson.loads(payload)
        except orjson.JSONDecodeError:
            chunk = self._no_json(name, payload)
        if name and name == b"error":
            raise told_error((error_in(chunk) or chunk) if isinstance(chunk, dict) else chunk)
        if chunk is None:
            return
        choices = chunk.get("choices")
        if choices:
            choice = choices[0]
            if choice.get("index"):
                choice = next((other for other in choices if not other.get("index")), {})
            if delta := choice.get("delta"):
                text = delta.get("content")
                if len(delta) > 1 or text is None:
                    self._take_reasoning(delta)
                if text:
                    if self._plain and text.__class__ is str and text.isascii() and not self._pairs.waiting:
                        self._texts.append(text)
                        self.tokens += 1
                    else:
                        self._take_content(text)
                if self._wants_logprobs and (told := choice.get("logprobs")):
                    self._logprobs += read_logprobs(told)
                    del self._logprobs[MAX_TOLD:]
                if len(delta) > 1 or text is None:
                    self._take_others(delta)
            if reason := choice.get("finish_reason"):
                self._take_reason(reason, choice if choice.get("error") else chunk)
                if usage := usage_elsewhere(chunk, choice):
                    self._usage = usage
        elif (error := error_in(chunk)) is not None:
            raise told_error(error)
        if usage := chunk.get("usage"):
            self._usage = usage if isinstance(usage, dict) else {}
        if chunk.get("error"):
            raise told_error(error_in(chunk))

    def _take_reasoning(self, delta: dict[str, Any]) -> None:
        """What a delta may hold that comes before its content."""
        thought = delta.get("reasoning_content") or delta.get("reasoning") or read_details(delta)
        if thought:
            self._tell("reasoning", thought)

    def _take_others(self, delta: dict[str, Any]) -> None:
        """What a delta may hold behind its content."""
        if refused := delta.get("refusal"):
            self._tell("refusal", refused)
        fragments, function = delta.get("tool_calls"), delta.get("function_call")
        if not fragments and not function:
            return
        self.tokens += 1
        if self._calls is None:
            self._called = True
            return
        self._part()
        if fragments:
            self._calls.take(fragments)
        elif function:
            self._calls.take_function(function)

    def _take_content(self, content: Any) -> None:
        """Content that is not plain ASCII text: other text, or a list of parts (Mistral)."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict) and part.get("type") == "thinking":
                inner = part["thinking"]
                for piece in inner if isinstance(inner, list) else [inner]:
                    self._tell("reasoning", piece if isinstance(piece, str) else piece["text"])
            else:
                self._say(part if isinstance(part, str) else part["text"])

    def _take_reason(self, reason: Any, source: dict[str, Any]) -> None:
        known = REASONS.get(reason.lower()) if isinstance(reason, str) else None
        if known is not None:
            self._reason = known
        elif source.get("error"):
            raise told_error(error_in(source))
        else:
            raise EngineFailed(f"the upstream ended the answer early (finish reason {shown_reason(reason)})")

    def _say(self, text: str) -> None:
        self.tokens += 1
        text = self._pairs.feed(text)
        if self._tags.over:
            self._put("text", text)
        else:
            pieces = self._tags.feed(text)
            for kind, piece in pieces:
                self._put(kind, piece)
            if not pieces:
                self._texts.append("")  # a token counts, though its text waits
        self._look()

    def _tell(self, kind: _OtherKind, text: str) -> None:
        self.tokens += 1
        self._put(kind, self._other_pairs[kind].feed(text))

    def _put(self, kind: _Kind, text: str) -> None:
        if kind != self._kind:
            self._part()
            self._kind = kind
            self._look()
        self._texts.append(text)

    def _look(self) -> None:
        alone = self._calls is None and not self._wants_logprobs
        self._plain = alone and self._kind == "text" and self._tags.over

    def _part(self) -> None:
        """Put what has gathered into one event; tokens without a whole character wait for it."""
        text = "".join(self._texts)
        if not text:
            return
        event: AnswerEvent
        if self._kind == "text":
            event = Delta(text, len(self._texts), None, self._taken_logprobs())
            self._answered = True
        elif self._kind == "reasoning":
            event = Reasoning(text, len(self._texts))
            self._thought = True
            self._logprobs = []
        else:
            event = Refusal(text, len(self._texts))
            self._answered = True
        self._texts = []
        self._out += [event] if self._calls is None else self._calls.put(event)

    def _taken_logprobs(self) -> str:
        told, self._logprobs = self._logprobs, []
        return json.dumps(told) if told else ""

    def _taken(self) -> list[AnswerEvent]:
        texts = self._texts
        if not self._plain or self._out:
            self._part()
            found, self._out = self._out, []
            return found if self._calls is None else found + self._calls.taken()
        if not texts or not (text := "".join(texts)):
            return []
        self._texts = []
        self._answered = True
        return [Delta(text, len(texts))]

    def _no_json(self, name: bytes, payload: bytes) -> Any:
        """What stands where JSON should: the end, a sign of life, an error in words, events without a blank line."""
        word = payload.strip()
        if name == b"error":
            return word.decode("utf-8", "replace")
        if word == b"[DONE]":
            self.done = True
            return None
        if word.lower() in IDLE or name not in (b"", b"message"):
            return None
        try:
            return lenient_json(payload)
        except NoJson:
            if b"\n" not in word:
                raise
        for line in word.split(b"\n"):
            if not self.done:
                self._take(name, line)
        return None
