"""Compares what counts today with a shadow topic: exact sums in a scratch database, so memory stays flat.

Of a generation counts the newest UsageRerated, in the order of the log, and before there is one the first
UsageRecorded. The ledger's key is the user, so all records of a generation stand in one partition of each epoch, and
are read in that order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Literal

from schemas.codec import UndecodableRecord, decode
from schemas.usage import UsageRecorded, UsageRerated
from streams.backfill.shadow import Shadow, ShadowLost
from topics.catalogue import USAGE_RECORDS
from topics.cuts import Cut
from topics.log import Log

By = Literal["total", "user", "model", "month"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_BILLED, _RECORDED, _RERATED = 0, 1, 2
_COLUMNS = {"total": "''", "user": "user", "model": "model", "month": "month"}


@dataclass(frozen=True, slots=True)
class Sum:
    """Generations of one group, what they cost today and what they would, in millionths of `currency`."""

    key: str
    currency: str
    generations: int
    old_micros: int
    new_micros: int

    @property
    def difference_micros(self) -> int:
        return self.new_micros - self.old_micros


@dataclass(frozen=True, slots=True)
class Single:
    """One generation whose cost would change."""

    generation_id: str
    user_id: str
    model: str
    currency: str
    old_version: str
    new_version: str
    old_micros: int
    new_micros: int


class Comparison:
    """A shadow's records beside what counts. Use it as a context manager: its scratch database goes with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._base = sqlite3.connect("", isolation_level=None)  # a file of its own, deleted with the connection
        self._base.execute(
            "CREATE TABLE usage (generation TEXT PRIMARY KEY, user TEXT, model TEXT, month TEXT, currency TEXT,"
            " old INTEGER, new INTEGER, old_version TEXT, new_version TEXT, counts INTEGER, at INTEGER) WITHOUT ROWID"
        )
        self._base.execute("BEGIN")
        self.overtaken: set[str] = set()
        """Other backfills that were promoted, for generations of this one, at or after the cut that was asked about."""

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()

    def take_shadow(self, record: UsageRerated, offset: int) -> None:
        """A record of the shadow. Of repeated ones the first counts. Until the ledger says more, its old cost is its
        outcome's.
        """
        self._base.execute(
            "INSERT OR IGNORE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.generation_id,
                record.user_id,
                record.model,
                month_of(record.ended_at_us),
                record.currency,
                record.superseded_cost_micros,
                record.cost_micros,
                record.superseded_price_version,
                record.price_version,
                _NOT_BILLED,
                offset,
            ),
        )

    def take_ledger(self, record: object, *, is_new: bool = False) -> None:
        """A record of the ledger, in the log's order. `is_new`: it stands at or after the cut that is asked about."""
        if isinstance(record, UsageRecorded):
            self._base.execute(
                "UPDATE usage SET old = ?, old_version = ?, counts = ? WHERE generation = ? AND counts = ?",
                (record.cost_micros, record.price_version, _RECORDED, record.generation_id, _NOT_BILLED),
            )
        elif isinstance(record, UsageRerated):
            changed = self._base.execute(
                "UPDATE usage SET old = ?, old_version = ?, counts = ? WHERE generation = ?",
                (record.cost_micros, record.price_version, _RERATED, record.generation_id),
            )
            if changed.rowcount and is_new and record.backfill != self._name:
                self.overtaken.add(record.backfill)

    def sums(self, by: By) -> list[Sum]:
        """The sums of each group and currency, by key."""
        column = _COLUMNS[by]
        rows = self._base.execute(
            f"SELECT {column}, currency, count(*), sum(old), sum(new) FROM usage"  # noqa: S608 - a column's name
            f" GROUP BY {column}, currency ORDER BY {column}, currency"
        )
        return [Sum(*row) for row in rows]

    def singles(self, most: int) -> list[Single]:
        """The generations whose cost changes most, largest first."""
        rows = self._base.execute(
            "SELECT generation, user, model, currency, old_version, new_version, old, new FROM usage"
            " WHERE old <> new ORDER BY abs(new - old) DESC, generation LIMIT ?",
            (most,),
        )
        return [Single(*row) for row in rows]

    def not_billed(self) -> int:
        """How many generations of the shadow have no record in the ledger yet."""
        found: tuple[int] = self._base.execute("SELECT count(*) FROM usage WHERE counts = ?", (_NOT_BILLED,)).fetchone()
        return found[0]

    def offsets(self) -> Iterator[int]:
        """Where in the shadow the records stand that count, in order."""
        self._base.execute("CREATE INDEX IF NOT EXISTS by_offset ON usage (at)")
        return (row[0] for row in self._base.execute("SELECT at FROM usage ORDER BY at"))


def compare(
    log: Log,
    shadow: Shadow,
    ledger_start: Cut,
    ledger_stop: Cut,
    *,
    since: Cut,
    report: Callable[[int, int, int], None],
    check: Callable[[], None],
) -> Comparison:
    """The shadow beside the ledger between two cuts. Close it. `since`: see `Comparison.overtaken`. Raises LogError."""
    comparison = Comparison(shadow.name)
    try:
        end = shadow.end()
        size = sum(until - ledger_start.get(place, 0) for place, until in ledger_stop.items())
        done, total = 0, end + size
        for raw, record in shadow.records(0, end):
            if not isinstance(record, UsageRerated):
                raise ShadowLost(f"{shadow.topic} has a {type(record).__name__}, which cannot be compared")
            comparison.take_shadow(record, raw.offset)
            done += 1
            if not done % 1000:
                report(done, total, 0)
                check()
        read_on(log, comparison, ledger_start, ledger_stop, since=since, report=_from(done, total, report), check=check)
    except BaseException:
        comparison.__exit__(None, None, None)
        raise
    return comparison


def read_on(
    log: Log,
    comparison: Comparison,
    start: Cut,
    stop: Cut,
    *,
    since: Cut,
    report: Callable[[int], None],
    check: Callable[[], None],
) -> None:
    """Take in the ledger between two cuts. Damaged records are passed over, as every reader does. Raises LogError."""
    done = 0
    for batch in log.read(start, stop):
        for raw in batch:
            try:
                record = decode(raw.value)
            except UndecodableRecord:
                continue
            comparison.take_ledger(record, is_new=raw.offset >= since.get((USAGE_RECORDS, raw.partition), 0))
        done += len(batch)
        report(done)
        check()


def _from(done: int, total: int, report: Callable[[int, int, int], None]) -> Callable[[int], None]:
    return lambda more: report(done + more, total, 0)


def month_of(at_us: int) -> str:
    """The month of a time, in UTC, as 2026-11; "?" for a time beyond all calendars."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m")
    except OverflowError:
        return "?"
