"""Answers in the shape that came before tools: one `function_call` a message, for requests with `functions`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api.openai.shapes import ChoiceFrames, completion_object
from api.streaming.endings import Ending
from api.streaming.pieces import Piece, PlacedPiece
from schemas.generation import Turn

_WORDS = {"tool_calls": "function_call"}


def function_completion(turn: Turn, started_at_us: int, answered: Sequence[tuple[Sequence[Piece], Ending]]) -> bytes:
    """The answer of a request that does not stream: of several calls the first, for the shape has room for one."""
    said = completion_object(turn, started_at_us, answered)
    for choice in said["choices"]:
        message: dict[str, Any] = choice["message"]
        calls = message.pop("tool_calls", None)
        if calls:
            message["function_call"] = calls[0]["function"]
        choice["finish_reason"] = _WORDS.get(choice["finish_reason"], choice["finish_reason"])
    return orjson.dumps(said)


class FunctionFrames(ChoiceFrames):
    """The dialect of one choice of a stream."""

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        # Calls after the first one have no place.
        shown = [piece for piece in pieces[first:stop] if not (isinstance(piece, PlacedPiece) and piece.call > 0)]
        return super().chunks(shown, 0, len(shown))

    def _delta(self, piece: PlacedPiece) -> bytes:
        if piece.part.kind != "tool_call":
            return super()._delta(piece)
        name = b'"name":%b,' % orjson.dumps(piece.part.name) if piece.opens else b""
        return b'"function_call":{%b"arguments":%b}' % (name, piece.text)

    def _reason(self, ending: Ending) -> str:
        reason = super()._reason(ending)
        return _WORDS.get(reason, reason)
