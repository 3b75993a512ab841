"""The parameters of a page of events, and the cursors between pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.log_view.events import NEWER, UNDECODABLE, LogEvent
from api.log_view.places import OrderKey
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.messages.turns import TurnPlace
from schemas.codec import record_type_of
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from topics.log import RawRecord

MAX_EVENTS = 1000
_UNTOLD = frozenset((UNDECODABLE, NEWER))
_CHUNKS = frozenset((TokenChunk.__name__, UNDECODABLE, NEWER))
_STREAM = _CHUNKS | {kind.__name__ for kind in (AttemptStarted, AttemptEnded, GenerationEnded)}
_NO_TURN = "-"
_LAST_MS = 2**62
"""No record is later, so every place at which pages end is below; the broker gets only valid times."""


@dataclass(frozen=True, slots=True)
class Before:
    """Where a page ends: before this place of the order. `turn`: no turn from this order key on reaches below it."""

    key: OrderKey
    turn: int | None

    def as_cursor(self) -> str:
        turn = _NO_TURN if self.turn is None else self.turn
        return encode_cursor(self.key.at_ms, f"{self.key.rank}.{self.key.offset}.{turn}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for. `types` None: all; `generation`: only its own events."""

    limit: int
    before: Before | None = None
    types: frozenset[str] | None = None
    generation: TurnPlace | None = None
    chunks: bool = True

    def may_match(self, raw: RawRecord) -> bool:
        """Whether the record may be wanted, told without decoding it."""
        if self.types is None or not self.types.isdisjoint(_UNTOLD):
            return True
        kind = record_type_of(raw.value)
        return kind is not None and kind.__name__ in self.types

    def matches(self, event: LogEvent) -> bool:
        if self.types is not None and event.type not in self.types:
            return False
        return self.generation is None or event.concerns(self.generation.generation_id)

    @property
    def with_chunks(self) -> bool:
        return self.chunks and (self.types is None or not _CHUNKS.isdisjoint(self.types))

    @property
    def with_stream(self) -> bool:
        return self.types is None or not _STREAM.isdisjoint(self.types)


def before_of(cursor: str) -> Before:
    """The place that a cursor names. Raises BadCursor."""
    at_ms, text = decode_cursor(cursor)
    parts = text.split(".")
    if at_ms > _LAST_MS or len(parts) != 3:
        raise BadCursor
    rank, offset, turn = parts
    return Before(OrderKey(at_ms, _number(rank), _number(offset)), None if turn == _NO_TURN else _number(turn))


def _number(text: str) -> int:
    if len(text) > 19 or not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise BadCursor
    return int(text)
