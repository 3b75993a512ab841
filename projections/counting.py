"""Counts records into rows that are made of the rows before (projections/usage_rollups), for the live projector.

Of each partition the records must come whole and in order. Whoever sees all of them from some point on makes the same
rows, under the same timestamps, as anybody else: so a projector that lost its partition and writes on does no harm, and
no two have to know of each other. What one did not see (it has just got the partition, or the version) it reads from
the log, from where the version's watermark stands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from infra.cassandra.errors import StoreUnavailable
from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.runtime.bounded import Bounded
from infra.runtime.retrying import Retrying
from projections.order import place
from projections.registry import Projection
from projections.rows import RowChange, Table
from projections.usage_rollups.rules import Batch, Cells
from projections.usage_rollups.table import USAGE_BILLS, USAGE_SUMS
from schemas.envelope import Position

MAX_REMEMBERED = 20_000
"""Rows of sums, of each version and partition."""
MAX_BATCH = 500
"""Records that are counted at once."""
GIVE_UP_S = 300.0
RETRYING = Retrying("projector.counting", 0.1, 5.0, GIVE_UP_S)
_log = get_logger(__name__)

Key = tuple[str | int, ...]
Placed = tuple[Any, Position]
"""A record that can be counted, and where it stands."""
Write = Callable[[list[tuple[int, RowChange]]], Awaitable[None]]
"""Returns when all is durable."""
Missed = Callable[[str, int, int, int], AsyncIterator[list[Placed]]]
"""The records of (topic, partition) from an offset to another (excluded), without those that are parked."""
T = TypeVar("T")


class CountedRows(Protocol):
    """Where the rows before are read. StoredStates is one. Raises StoreUnavailable, StoreRefused."""

    async def rows(self, table: Table, version: int, keys: Sequence[Key]) -> Mapping[Key, Cells | None]:
        """Those rows; None: not there."""

    async def reached(self, projection: Projection, topic: str, partition: int) -> int | None:
        """The order key below which the version's rows count all; None: nothing was ever written."""


@dataclass(slots=True)
class _Counted:
    """What is known of a version and a partition: all below `next` is counted; rows as they are then."""

    next: int
    rows: Bounded[Key, Cells | None] = field(default_factory=lambda: Bounded(MAX_REMEMBERED))


class Counting:
    """Counts for one process, one call at a time."""

    def __init__(self, store: CountedRows, missed: Missed) -> None:
        self._store = store
        self._missed = missed
        self._known: dict[tuple[str, int, str, int], _Counted] = {}

    def keeps(self, projection: Projection, topic: str, partition: int) -> bool:
        """Whether this process counts into the version what comes in the partition."""
        return (projection.name, projection.version, topic, partition) in self._known

    def forget(self, kept: Iterable[Projection]) -> None:
        """Forget what is known of versions that are not kept any more."""
        names = {(projection.name, projection.version) for projection in kept}
        self._known = {place: known for place, known in self._known.items() if place[:2] in names}

    async def count(self, projection: Projection, topic: str, records: Sequence[Placed], write: Write) -> None:
        """Count records of one partition, sorted by offset, and whatever stands before them and was not counted.

        A version that a rebuild fills is left to that until it says from where on it is this process's.
        Raises StoreUnavailable after GIVE_UP_S, StoreRefused; what `write` and Missed raise.
        """
        first = records[0][1]
        known = await self._at(projection, topic, first)
        if known is None:
            return
        if known.next < first.offset:
            _log.info("counting what was missed", topic=topic, partition=first.partition, start=known.next)
            async for found in self._missed(topic, first.partition, known.next, first.offset):
                await self._count(projection, known, found, write)
            known.next = first.offset
        await self._count(projection, known, records, write)

    async def _at(self, projection: Projection, topic: str, first: Position) -> _Counted | None:
        where = projection.name, projection.version, topic, first.partition
        known = self._known.get(where)
        if known is not None and first.offset <= known.next:
            return known
        # Others may have counted meanwhile.
        key = await _patiently(partial(self._store.reached, projection, topic, first.partition))
        if known is None and key is None and projection.waits:
            return None
        reached = 0 if key is None else place(key)[1]
        if known is None or reached > known.next:
            known = self._known[where] = _Counted(reached)
        return known

    async def _count(self, projection: Projection, known: _Counted, records: Sequence[Placed], write: Write) -> None:
        left = [(record, position) for record, position in records if position.offset >= known.next]
        for start in range(0, len(left), MAX_BATCH):
            some = left[start : start + MAX_BATCH]
            batch = Batch(some)
            bills = await _patiently(partial(self._store.rows, USAGE_BILLS, projection.version, batch.bill_keys))
            keys = batch.sum_keys(bills)
            if batch.is_ahead:
                known.rows.clear()
            unknown = [key for key in keys if key not in known.rows]
            found = await _patiently(partial(self._store.rows, USAGE_SUMS, projection.version, unknown))
            counted = batch.counted({key: found[key] if key in found else known.rows[key] for key in keys})
            crash_point("projector.before_sums")
            await write([(projection.version, row) for row in counted.sums])
            crash_point("projector.before_bills")
            await write([(projection.version, row) for row in counted.bills])
            for key in unknown:
                known.rows[key] = found[key]
            for row in counted.sums:
                known.rows[row.key] = row.cells
            known.next = some[-1][1].offset + 1


async def _patiently(operation: Callable[[], Awaitable[T]]) -> T:
    def again(error: Exception, pause_s: float) -> None:
        _log.warning("reading sums again", error=str(error), pause_s=pause_s)

    return await RETRYING.run(operation, StoreUnavailable, again)
