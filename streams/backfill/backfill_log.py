"""Reads a backfill log. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.backfill import BackfillAdvanced, BackfillCompared, BackfillPromoted, BackfillStarted
from topics.cuts import TopicPartition, parse_cut

Counts = dict[str, int]


@dataclass(slots=True)
class BackfillLog:
    """A backfill as far as it has come. Two processes may have written one log: every entry is true by itself."""

    started: BackfillStarted | None = None
    advanced: BackfillAdvanced | None = None
    compared: BackfillCompared | None = None
    promoted_upto: int = 0
    promoted: BackfillPromoted | None = None

    @property
    def start(self) -> dict[TopicPartition, int]:
        """Where the range begins."""
        return {} if self.started is None else parse_cut(self.started.start)

    @property
    def stop(self) -> dict[TopicPartition, int]:
        """Where the range ends."""
        return {} if self.started is None else parse_cut(self.started.stop)

    @property
    def reached(self) -> dict[TopicPartition, int]:
        """Up to where the shadow holds everything."""
        return self.start if self.advanced is None else parse_cut(self.advanced.reached)

    @property
    def left(self) -> Counts:
        """How many records of the range gave none, by reason."""
        return {} if self.advanced is None else {aside.reason: aside.count for aside in self.advanced.left}

    @property
    def total(self) -> int:
        """How many offsets the range has."""
        start = self.start
        return sum(max(0, until - start.get(place, 0)) for place, until in self.stop.items())

    @property
    def done(self) -> int:
        """How many of them are behind."""
        start, stop = self.start, self.stop
        return sum(min(at, stop.get(place, at)) - start.get(place, 0) for place, at in self.reached.items())

    @property
    def is_complete(self) -> bool:
        """Whether the shadow covers its whole range."""
        return self.started is not None and self.done >= self.total

    @property
    def state(self) -> str:
        """In one word for people."""
        if self.promoted is not None:
            return "promoted"
        if self.promoted_upto:
            return "half promoted"
        return "complete" if self.is_complete else "incomplete"


def read_backfill_log(entries: Iterable[object]) -> BackfillLog:
    """The log of these entries, in their order. The first start counts; the furthest of the rest."""
    backfill_log = BackfillLog()
    for entry in entries:
        match entry:
            case BackfillStarted() if backfill_log.started is None:
                backfill_log.started = entry
            case BackfillAdvanced():
                if backfill_log.advanced is None or _sum(entry) >= _sum(backfill_log.advanced):
                    backfill_log.advanced = entry
            case BackfillCompared():
                backfill_log.compared = entry
            case BackfillPromoted():
                backfill_log.promoted_upto = max(backfill_log.promoted_upto, entry.upto)
                if entry.whole and backfill_log.promoted is None:
                    backfill_log.promoted = entry
    return backfill_log


def _sum(entry: BackfillAdvanced) -> int:
    return sum(parse_cut(entry.reached).values())
