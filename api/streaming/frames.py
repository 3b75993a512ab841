"""Turns a generation's records into the bytes of server-sent events. Pure.

Frame 0 is the start, 1…n the chunks, n + 1 the end; the number is the event's `id`, the resume position and nothing
else. Frames hold data of the generation's records only, so the same frame has the same bytes at any age.

Built for the hot path: what is constant is made once, a chunk is `prefix + JSON string + suffix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from api.streaming.endings import Ending
from api.streaming.failures import told
from api.streaming.pieces import Piece, PlacedPiece
from schemas.generation import Failure, Turn
from schemas.price import Usage

KEEP_ALIVE = b": keep-alive\n\n"


class Frames(Protocol):
    """One dialect of one stream."""

    def start(self, turn: Turn, started_at_us: int) -> bytes:
        """Frame 0. It is made before any other frame."""

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        """Frames `first + 1` to `stop`; `pieces[n - 1]` is chunk n's."""

    def end(self, ending: Ending, seq: int) -> bytes:
        """The last frame."""


class EventFrames:
    """The dialect of /api/v1: named events with ids."""

    def start(self, turn: Turn, started_at_us: int) -> bytes:
        data = {"messageId": turn.generation_id, "conversationId": turn.conversation_id, "model": turn.model}
        self._message_id = turn.generation_id
        return _event(0, b"message_start", data)

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        return [
            b'id: %d\nevent: content_chunk\ndata: {"delta":%b}\n\n' % (seq, piece)
            if type(piece := pieces[seq - 1]) is bytes
            else _placed(seq, piece)  # type: ignore[arg-type]  # the other half of the union
            for seq in range(first + 1, stop + 1)
        ]

    def end(self, ending: Ending, seq: int) -> bytes:
        if ending.failure is not None:
            failure = ending.failure
            return _event(seq, b"error", failure_json(failure))
        return _event(
            seq,
            b"message_end",
            {
                "messageId": self._message_id,
                "finishReason": ending.finish_reason,
                "tokensUsed": ending.usage.prompt_tokens + ending.usage.completion_tokens,
                "cost": ending.cost_micros / 1_000_000,
                "usage": usage_json(ending.usage),
                "costMicros": ending.cost_micros,
                "currency": ending.currency,
            },
        )


def _placed(seq: int, piece: PlacedPiece) -> bytes:
    """The frame of a chunk that is no plain text."""
    match piece.part.kind:
        case "reasoning":
            return b'id: %d\nevent: reasoning_chunk\ndata: {"delta":%b}\n\n' % (seq, piece.text)
        case "refusal":
            return b'id: %d\nevent: content_chunk\ndata: {"delta":%b,"refusal":true}\n\n' % (seq, piece.text)
        case "tool_call" if piece.opens:
            called = orjson.dumps({"index": piece.call, "callId": piece.part.call_id, "name": piece.part.name})[:-1]
            return b'id: %d\nevent: tool_call\ndata: %b,"delta":%b}\n\n' % (seq, called, piece.text)
        case "tool_call":
            named = b'id: %d\nevent: tool_call_chunk\ndata: {"index":%d,"delta":%b}\n\n'
            return named % (seq, piece.call, piece.text)
        case _:
            return b'id: %d\nevent: content_chunk\ndata: {"delta":%b}\n\n' % (seq, piece.text)


def failure_json(failure: Failure) -> dict[str, Any]:
    """Why an answer failed, for people and in technical words, and whether asking again may help."""
    said = {"code": failure.code, "message": told(failure), "retryable": failure.retryable}
    return said if said["message"] == failure.message else {**said, "detail": failure.message}


def usage_json(usage: Usage) -> dict[str, int | bool]:
    """Usage as JSON. What is new since the first release is there only where it says something: frames of older answers
    stay the same bytes."""
    said: dict[str, int | bool] = {
        "promptTokens": usage.prompt_tokens,
        "completionTokens": usage.completion_tokens,
        "cachedTokens": usage.cached_tokens,
    }
    if usage.reasoning_tokens:
        said["reasoningTokens"] = usage.reasoning_tokens
    if usage.estimated:
        said["estimated"] = True
    return said


def _event(seq: int, name: bytes, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, name, orjson.dumps(data))
