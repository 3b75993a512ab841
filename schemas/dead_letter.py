"""dead-letters: records that a consumer could not process, whole, with place and reason. Key: the source record's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import Envelope, Position
from schemas.families import members


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """`value` None: the source record was a tombstone or too large to carry (`reason` says which)."""

    envelope: Envelope
    topic: str
    partition: int
    offset: int
    consumer: str
    error_type: str
    reason: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class DeadLetterResolved:
    """What an operator did with the letter at `letter`: its record went through (`retried`), or never will."""

    envelope: Envelope
    letter: Position
    action: Literal["retried", "dropped"]
    note: str


DeadLetterEvent = DeadLetter | DeadLetterResolved
RECORDS = members(DeadLetterEvent)
