"""A shadow topic's log: what a backfill is to do, how far it is, what became of it. Partition 0; key: its name.

Its records, which do not count until they are promoted, stand in partition 1. Cuts are written as `topics.cuts` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope
from schemas.families import members


@dataclass(frozen=True, slots=True)
class LeftAside:
    """How many records of the range gave none, and why."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class BackfillStarted:
    """What is to be done: `processor` with `parameters` (JSON) over the range from `start` to `stop` (excluded)."""

    envelope: Envelope
    name: str
    processor: str
    parameters: str
    start: str
    stop: str


@dataclass(frozen=True, slots=True)
class BackfillAdvanced:
    """Everything from the start to `reached` is in the shadow. The counts are of the whole run so far."""

    envelope: Envelope
    name: str
    reached: str
    read: int
    produced: int
    left: tuple[LeftAside, ...]


@dataclass(frozen=True, slots=True)
class BackfillCompared:
    """The shadow was compared with what counted at the cut `against`, and the difference was shown."""

    envelope: Envelope
    name: str
    against: str


@dataclass(frozen=True, slots=True)
class BackfillPromoted:
    """The shadow's records at offsets below `upto` are in the topic where they count; `whole`: all of them."""

    envelope: Envelope
    name: str
    upto: int
    whole: bool


BackfillLogRecord = BackfillStarted | BackfillAdvanced | BackfillCompared | BackfillPromoted
RECORDS = members(BackfillLogRecord)
