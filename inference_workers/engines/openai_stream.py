"""Reads a Chat Completions event stream. Pure: bytes in, text and counts out. Hot path: one call per read.

Nothing unknown is taken for a good end: an answer is complete by a finish reason that is known to be one.
"""

from __future__ import annotations

from typing import Any

import orjson

from inference_workers.endings import checked_end
from inference_workers.engines.event_stream import MAX_EVENT_BYTES, EventStream
from inference_workers.engines.openai_chunks import IDLE, REASONS, NoJson, lenient_json, shown_reason, told_finish
from inference_workers.engines.upstream_errors import error_in, told_error
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineFailed,
    EngineRequest,
    EngineUnavailable,
    Finish,
    FinishReason,
    Reasoning,
)
from inference_workers.text import SurrogatePieces

_NO_CHUNK = "the upstream sent an event that is not a chat completion chunk"


class ChatStream:
    """One answer as it arrives: `feed` each read, `end` when no more will come, then `finish`.

    `tokens` counts all signs of work: text, reasoning, parts of tool calls. `ended`: a finish reason came, and only
    the usage and [DONE] should follow. `over`: nothing that follows matters. `error`: what is wrong with the stream,
    to be raised once the text before it has been passed on.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.done = False
        self.error: EngineError | None = None
        self._events = EventStream()
        self._out: list[Delta | Reasoning] = []
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._answered = self._thought = self._called = False
        self._reason: FinishReason | None = None
        self._usage: dict[str, Any] = {}
        self._pairs = SurrogatePieces()
        self._thought_pairs = SurrogatePieces()

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

    def feed(self, data: bytes) -> list[Delta | Reasoning]:
        """What these bytes add to the answer, everything of a kind as one."""
        try:
            for name, payload in self._events.feed(data):
                if self.done:
                    break
                self._take(name, payload)
        except EngineError as error:
            self._fail(error)
        except (AttributeError, TypeError, LookupError):
            self._fail(EngineFailed(_NO_CHUNK))
        if self._events.overlong and not self.over:
            self._fail(EngineFailed(f"the upstream sent an event of more than {MAX_EVENT_BYTES} bytes"))
        return self._taken()

    def end(self) -> list[Delta | Reasoning]:
        """What waited for more bytes. An event that was cut off in its middle is passed over."""
        if not self.over:
            try:
                for name, payload in self._events.end():
                    self._take(name, payload)
            except NoJson:
                pass
            except EngineError as error:
                self._fail(error)
            except (AttributeError, TypeError, LookupError):
                self._fail(EngineFailed(_NO_CHUNK))
        if rest := self._thought_pairs.flush():
            self._thoughts.append(rest)
        if rest := self._pairs.flush():
            self._texts.append(rest)
        return self._taken()

    def finish(self, request: EngineRequest) -> Finish:
        """How it ended. Raises EngineError if that was no good end."""
        if self.error is not None:
            raise self.error
        if self._reason is None:
            if self.done:
                raise EngineFailed("the upstream ended its answer without a finish reason")
            raise EngineUnavailable("the upstream's answer broke off")
        finish = told_finish(self._reason, self._usage)
        return checked_end(request, finish, answered=self._answered, thought=self._thought, called=self._called)

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
                    self._take_others(delta)
                if text:
                    if text.__class__ is str and text.isascii() and not self._thoughts and not self._pairs.waiting:
                        self._texts.append(text)
                        self.tokens += 1
                    else:
                        self._take_content(text)
            if reason := choice.get("finish_reason"):
                self._take_reason(reason, choice if choice.get("error") else chunk)
        elif (error := error_in(chunk)) is not None:
            raise told_error(error)
        if usage := chunk.get("usage"):
            self._usage = usage if isinstance(usage, dict) else {}
        if chunk.get("error"):
            raise told_error(error_in(chunk))

    def _take_others(self, delta: dict[str, Any]) -> None:
        """What a delta may hold besides content."""
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            self._think(thought)
        if delta.get("tool_calls") or delta.get("function_call"):
            self._called = True
            self.tokens += 1
        if refused := delta.get("refusal"):
            self._say(refused)

    def _take_content(self, content: Any) -> None:
        """Content that is not plain ASCII text: other text, or a list of parts (Mistral)."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict) and part.get("type") == "thinking":
                inner = part["thinking"]
                for piece in inner if isinstance(inner, list) else [inner]:
                    self._think(piece if isinstance(piece, str) else piece["text"])
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
        if self._thoughts:
            self._part()
        self._texts.append(self._pairs.feed(text))
        self.tokens += 1

    def _think(self, text: str) -> None:
        if self._texts:
            self._part()
        self._thoughts.append(self._thought_pairs.feed(text))
        self.tokens += 1

    def _part(self) -> None:
        """Put what has gathered into one event; tokens without a whole character wait for it."""
        if text := "".join(self._texts):
            self._out.append(Delta(text, len(self._texts)))
            self._texts = []
            self._answered = True
        if thought := "".join(self._thoughts):
            self._out.append(Reasoning(thought, len(self._thoughts)))
            self._thoughts = []
            self._thought = True

    def _taken(self) -> list[Delta | Reasoning]:
        if self._thoughts or self._out:
            self._part()
            found, self._out = self._out, []
            return found
        texts = self._texts
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
