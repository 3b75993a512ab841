"""A second, simple reading of an upstream's answer, which decides what "was sent". Pure; whole bodies, no speed.

It shares no code with the product. Where the standard or the protocol leaves open what an answer means, it says so
(`sure` False), and only the text up to there counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

GOOD_REASONS = ("stop", "length", "content_filter")
OPEN_REASONS = (
    "tool_calls",
    "function_call",
    "eos",
    "eos_token",
    "stop_sequence",
    "end_turn",
    "max_tokens",
    "model_length",
)
"""Ends that may be taken for good ones or not, as other upstreams' names of them in other letters."""
_LINE_END = re.compile(rb"\r\n|\r|\n")
_KNOWN_TYPES = ("", "message")
MAX_EVENT_BYTES = 1_000_000
MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says. `status` None: open. `text` is what came up to its end, or up to where it becomes open.

    `text_sure`: the whole text is known. `usages`: the usage objects, as they came.
    """

    text: str
    text_sure: bool
    status: str | None
    reason: str | None
    usages: tuple[Any, ...] = ()
    events: int = 0


def events_of(body: bytes, *, ended: bool = True) -> list[tuple[str, bytes]]:
    """(event type, data) of each event of a body, by the standard; the one at its end needs no blank line."""
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    found: list[tuple[str, bytes]] = []
    kind, data = "", None
    lines = _LINE_END.split(body)
    for line in [*lines, b""] if ended else lines[:-1]:
        if not line:
            if data is not None:
                found.append((kind, data))
            kind, data = "", None
            continue
        name, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if name == b"data":
            data = value if data is None else data + b"\n" + value
        elif name == b"event":
            kind = value.decode("utf-8", "replace")
    return found


def told(body: bytes, *, ended: bool = True) -> Told:
    """The meaning of an event stream; `ended` False: its reader waits in vain for more."""
    texts: list[str] = []
    reason: str | None = None
    usages: list[Any] = []
    seen = 0

    def so_far(status: str | None, *, text_sure: bool = True) -> Told:
        said = "".join(texts)
        if not text_sure and "\ud800" <= said[-1:] <= "\udbff":
            said = said[:-1]  # its other half may yet come
        text = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return Told(text, text_sure, status, None, tuple(usages), seen)

    for kind, data in events_of(body, ended=ended):
        seen += 1
        if kind == "error":
            return so_far("failed" if reason is None else None)
        if kind not in _KNOWN_TYPES or not data.strip():
            continue
        if data.strip() == b"[DONE]":
            break
        chunk = _parsed(data) if len(data) <= MAX_EVENT_BYTES else None
        if not isinstance(chunk, dict):
            return so_far(None, text_sure=False)
        if chunk.get("usage") is not None:
            usages.append(chunk["usage"])
        if not _is_chunk(chunk):
            return so_far("failed" if _is_error(chunk) and reason is None else None, text_sure=_is_error(chunk))
        choice = (chunk.get("choices") or [{}])[0]
        content, ends = (choice.get("delta") or {}).get("content"), choice.get("finish_reason")
        if content and reason is not None:
            return so_far(None, text_sure=False)  # text after its end: taken or not
        if ends and reason is not None and ends != reason:
            return so_far(None, text_sure=False)  # two ends: which one counts is open, and what is behind it
        texts.append(content or "")
        if ends and not _is_error(chunk) and ends.lower() not in GOOD_REASONS + OPEN_REASONS:
            return so_far("failed")
        reason = reason or ends
        if _is_error(chunk):
            return so_far("failed" if reason is None else None)
    whole = so_far(None)
    if len(whole.text) > MAX_CHARACTERS:
        return Told(whole.text, True, None, "length", tuple(usages), seen)
    if reason is None:
        return so_far("failed")
    if reason not in GOOD_REASONS:
        return so_far(None)
    if not whole.text:
        # Nothing was said: never a success with "stop"; other reasons explain it, and are left open here.
        return so_far("failed" if reason == "stop" else None)
    return Told(whole.text, True, "completed", reason, tuple(usages), seen)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _is_chunk(chunk: dict[str, Any]) -> bool:
    """Whether all that is read of a chunk has the type it must have."""
    choices = chunk.get("choices")
    if choices is None:
        return "usage" in chunk and not _is_error(chunk)
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        return False
    if not choices:
        return True
    choice = choices[0]
    delta = choice.get("delta")
    if delta is not None and not isinstance(delta, dict):
        return False
    if choice.get("index", 0) != 0:
        return False
    content, reason = (delta or {}).get("content"), choice.get("finish_reason")
    return all(value is None or isinstance(value, str) for value in (content, reason))


def _is_error(chunk: dict[str, Any]) -> bool:
    if chunk.get("error") or chunk.get("object") == "error":
        return True
    return "choices" not in chunk and "detail" in chunk
