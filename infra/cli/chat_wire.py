"""Parses our API's event stream. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MAX_FRAME_BYTES = 16 * 1024 * 1024


class BadStream(Exception):
    """The bytes are no event stream of ours."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event. `seq`: its id, the resume position."""

    seq: int
    event: str
    data: str


@dataclass(frozen=True, slots=True)
class MessageStart:
    message_id: str
    conversation_id: str
    model: str


@dataclass(frozen=True, slots=True)
class ContentChunk:
    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningChunk:
    """What a model thinks before it answers."""

    delta: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The beginning of a call: `delta` is that of its arguments."""

    name: str
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCallChunk:
    """More of the arguments of the call that began last."""

    delta: str


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """`cost` in `currency`."""

    finish_reason: str
    tokens_used: int
    cost: float
    currency: str


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The terminal of a turn without its whole answer."""

    code: str
    message: str
    retryable: bool


StreamEvent = MessageStart | ContentChunk | ReasoningChunk | ToolCall | ToolCallChunk | MessageEnd | TurnFailed


class FrameReader:
    """Bytes as they come in, frames as they become whole. Comments (heartbeats) are passed over."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises BadStream."""
        *whole, self._rest = (self._rest + data.replace(b"\r\n", b"\n")).split(b"\n\n")
        if len(self._rest) > MAX_FRAME_BYTES:
            raise BadStream(f"a frame of the stream is longer than {MAX_FRAME_BYTES} bytes")
        return [frame for block in whole if (frame := _frame(block)) is not None]


def _frame(block: bytes) -> Frame | None:
    seq, event, data = None, "message", []
    try:
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "id":
                    seq = int(value)
                case "event":
                    event = value
                case "data":
                    data.append(value)
    except ValueError:
        raise BadStream("a frame of the stream is damaged") from None
    if not data:
        return None
    if seq is None:
        raise BadStream("a frame of the stream has no id")
    return Frame(seq, event, "\n".join(data))


def event_of(frame: Frame) -> StreamEvent | None:
    """What a frame says; None for kinds this version does not know. Raises BadStream for data that does not fit."""
    try:
        data: dict[str, Any] = json.loads(frame.data)
        match frame.event:
            case "message_start":
                return MessageStart(str(data["messageId"]), str(data["conversationId"]), str(data["model"]))
            case "content_chunk":
                return ContentChunk(str(data["delta"]))
            case "reasoning_chunk":
                return ReasoningChunk(str(data["delta"]))
            case "tool_call":
                return ToolCall(str(data["name"]), str(data["delta"]))
            case "tool_call_chunk":
                return ToolCallChunk(str(data["delta"]))
            case "message_end":
                return MessageEnd(
                    str(data["finishReason"]),
                    int(data["tokensUsed"]),
                    float(data["cost"]),
                    str(data.get("currency", "")),
                )
            case "error":
                return TurnFailed(str(data["code"]), str(data["message"]), bool(data["retryable"]))
            case _:
                return None
    except (ValueError, KeyError, TypeError) as error:
        raise BadStream(f"a {frame.event} frame does not hold what it should ({type(error).__name__})") from None
