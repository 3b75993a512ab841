"""Reading a Chat Completions event stream. Pure: bytes in, text and counts out. On the hot path: a call a read."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from inference_workers.ports import (
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineUnavailable,
    Finish,
    FinishReason,
)
from inference_workers.text import SurrogatePieces

MAX_LINE_BYTES = 1024 * 1024
_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
_CODE = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")


class ChatStream:
    """One answer as it arrives. `feed` gives (text, tokens) of a read; `finish` is called when the bytes have ended."""

    def __init__(self) -> None:
        self.done = False
        self.tokens = 0
        self._rest = b""
        self._reason: str | None = None
        self._usage: dict[str, Any] | None = None
        self._pairs = SurrogatePieces()

    def feed(self, data: bytes) -> tuple[str, int]:
        """Text and number of tokens of all whole lines so far. Raises EngineError for garbage and told errors."""
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            raise EngineFailed(f"the upstream sent a line of more than {MAX_LINE_BYTES} bytes")
        texts: list[str] = []
        try:
            for line in lines:
                if line[:5] == b"data:":
                    self._take(line[5:], texts)
        except (AttributeError, TypeError, LookupError):
            raise EngineFailed("the upstream sent an event that is no chat completion chunk") from None
        self.tokens += len(texts)
        return "".join(texts), len(texts)

    def finish(self) -> Finish:
        """How it ended. Raises EngineUnavailable if the stream was cut off."""
        if self._reason is None and not self.done:
            raise EngineUnavailable("the upstream's answer broke off")
        reason = _REASONS.get(self._reason or "stop", "stop")
        usage = self._usage or {}
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        return Finish(
            reason, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached)
        )

    def _take(self, payload: bytes, texts: list[str]) -> None:
        if self.done:
            return
        try:
            chunk = orjson.loads(payload)
        except orjson.JSONDecodeError:
            if payload.strip() == b"[DONE]":
                self.done = True
                if rest := self._pairs.flush():
                    texts.append(rest)
                return
            chunk = _lenient(payload)
        if choices := chunk.get("choices"):
            choice = choices[0]
            if (delta := choice.get("delta")) and (text := delta.get("content")):
                if self._pairs.waiting or not text.isascii():
                    text = self._pairs.feed(text)
                texts.append(text)
            if reason := choice.get("finish_reason"):
                self._reason = str(reason)
        if usage := chunk.get("usage"):
            self._usage = usage if isinstance(usage, dict) else None
        if chunk.get("error"):
            raise told_error(chunk["error"])


def told_error(error: Any) -> EngineError:
    """The error an upstream tells of in its answer. Its message may quote the prompt, so only its code is kept."""
    fields = error if isinstance(error, dict) else {}
    told = next((str(fields[name]) for name in ("code", "type") if fields.get(name)), "")
    code = told if _CODE.match(told) else ""
    said = f"the upstream reported an error ({code})" if code else "the upstream reported an error"
    if code in ("context_length_exceeded", "string_above_max_length"):
        return EngineRejected("the prompt is longer than the upstream's context", code="context_length_exceeded")
    if code in ("rate_limit_exceeded", "rate_limit_error", "overloaded_error", "insufficient_quota", "429"):
        return EngineOverloaded(said)
    if code in ("invalid_request_error", "model_not_found", "BadRequestError", "NotFoundError", "400", "404"):
        return EngineRejected(said)
    return EngineFailed(said)


def _lenient(payload: bytes) -> Any:
    """JSON that orjson refuses: halved surrogate pairs, invalid UTF-8."""
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except ValueError:
        raise EngineFailed("the upstream sent an event that is not JSON") from None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
