"""Group commit: folds records as they arrive, and writes everything that waits together.

While one write is under way the next gathers, so that load makes batches and calm makes none. Watermarks follow the
rows, seldom; a record is done when both are durable, so that a restart never leaves a watermark behind for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from infra.cassandra.errors import StoreRefused, StoreUnavailable, ValueRefused
from infra.clock import monotonic_s
from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.runtime.metrics import bound
from infra.runtime.retrying import Retrying
from projections.counting import Counting, Placed
from projections.order import order_key
from projections.registry import RECORDS, TOPICS, Projection, folded
from projections.rows import RowChange, Unprojectable, size_of
from projections.versions import MEMORY_S
from projections.watermarks import WATERMARKS, LogPlace, watermark_rows
from schemas.envelope import Position
from topics.catalogue import Catalogue

# At most so often; the first after a pause is written at once.
WATERMARK_INTERVAL_S = 0.1
# Records of one fetch arrive within this; nothing here is in a hurry.
GATHER_S = 0.01
MAX_WAITING = 2000
MAX_WAITING_BYTES = 16 * 1024 * 1024
GIVE_UP_S = 300.0

WRITE = Histogram(
    "verbatim_projector_write_records",
    "Records whose rows are written together.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
ROWS = Counter("verbatim_projector_rows_total", "Changes of rows that were written.")
WAITING = Gauge("verbatim_projector_waiting_records", "Records that wait to be written.")
_full = bound("projector.waiting")
RETRYING = Retrying("projector.store", 0.1, 5.0, GIVE_UP_S)
_log = get_logger(__name__)

T = TypeVar("T")
Versions = Callable[[], Awaitable[tuple[Projection, ...]]]
"""Asks which versions are to be kept current now. Raises StoreUnavailable, StoreRefused."""


Refused = Callable[[Exception], Awaitable[None]]
"""Called instead of `done` for a record whose rows the store will never take."""


class Writer(Protocol):
    """Where rows go. RowWriter is one."""

    async def write(self, changes: Iterable[tuple[int, RowChange]]) -> None:
        """Return when all changes are durable. Raises StoreUnavailable: repeat all; StoreRefused."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: object
    """None: nothing comes of what stands there."""
    changes: list[tuple[int, RowChange]]
    topic: str
    position: Position
    size: int
    done: Callable[[], None]
    refused: Refused | None


def _size(changes: list[tuple[int, RowChange]]) -> int:
    return sum(size_of(change) for _, change in changes)


class Projector:
    """Takes records in, in the order of their partitions, and calls each one's `done` when its rows and watermark are
    durable.

    A rebuild takes its cut when every projector must have learned of the new version: so a record is folded by
    knowledge of the versions that was asked for at most MEMORY_S before it came."""

    def __init__(
        self,
        writer: Writer,
        projections: tuple[Projection, ...],
        topics: Catalogue,
        versions: Versions | None = None,
        counting: Counting | None = None,
    ) -> None:
        """`topics`: where records come from. Without `versions` the projections never change; without `counting` those
        that count are left out."""
        self._writer = writer
        self._topics = topics
        self._counting = counting
        self._versions = versions
        self._known_until_s = float("-inf") if versions is not None else float("inf")
        self._keep(projections)
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        WAITING.set_function(lambda: len(self._waiting))
        self._reached: dict[tuple[str, int], int] = {}
        self._written: list[Callable[[], None]] = []
        self._watermarks_due_s = 0.0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False

    async def take(
        self, record: object, place: LogPlace, done: Callable[[], None], refused: Refused | None = None
    ) -> None:
        """Fold a record and queue its rows; waits while too much is queued. `refused` is called instead of `done` if
        the store will take its rows never; without it `run` ends then.

        Raises Unprojectable: a projection can make no row of the record, or none can; `done` is the caller's then, and
        what the others made of it is durable. Raises StoreUnavailable after GIVE_UP_S without an answer which versions
        there are; StoreRefused; NewerValue.
        """
        if monotonic_s() >= self._known_until_s:
            await self._look_at_versions()
        if type(record) not in RECORDS[place.topic]:
            raise Unprojectable(f"a {type(record).__name__} has no place in {place.topic}")
        position = self._topics.position(place.topic, place.partition, place.offset)
        changes, unprojectable = folded(self._by_topic[place.topic], record, position)
        if unprojectable is None:
            await self._queue(_Waiting(record, changes, place.topic, position, _size(changes), done, refused))
            return
        if changes:
            written = asyncio.Event()

            async def never(error: Exception) -> None:
                written.set()  # the record is the caller's in any case

            await self._queue(_Waiting(record, changes, place.topic, position, _size(changes), written.set, never))
            await written.wait()
        raise unprojectable

    async def pass_over(self, place: LogPlace, done: Callable[[], None]) -> None:
        """Nothing comes of a record (it is parked, or no projection's): what is in the tables reaches past it, though.

        Without that, whoever waits for the newest record of a quiet partition would wait for the next one."""
        position = self._topics.position(place.topic, place.partition, place.offset)
        await self._queue(_Waiting(None, [], place.topic, position, 0, done, None))

    async def _queue(self, waiting: _Waiting) -> None:
        await self._room.wait()
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.size
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
            _full()
            self._room.clear()
        self._wake.set()

    async def run(self) -> None:
        """Write what is taken, until `close`. A record that the store refuses for its values holds up no other.

        Raises StoreUnavailable after GIVE_UP_S of it, StoreRefused for tables
        that nobody dropped."""
        while True:
            await self._woken()
            if self._waiting:
                await self._write_waiting()
            if self._reached and (self._closing or monotonic_s() >= self._watermarks_due_s):
                await self._write_watermarks()
            if self._closing and not self._waiting and not self._reached:
                return

    def close(self) -> None:
        """Let `run` write what it has and return."""
        self._closing = True
        self._wake.set()

    async def _woken(self) -> None:
        if self._closing:
            return
        left_s = max(0.0, self._watermarks_due_s - monotonic_s()) if self._reached else None
        try:
            async with asyncio.timeout(left_s):
                await self._wake.wait()
        except TimeoutError:
            return
        if len(self._waiting) < MAX_WAITING and not self._closing:
            await asyncio.sleep(GATHER_S)
        self._wake.clear()

    async def _write_waiting(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._room.set()
        crash_point("projector.before_write")
        refused: dict[int, ValueRefused] = {}
        try:
            await self._durably([change for item in waiting for change in item.changes])
        except ValueRefused:
            refused = await self._one_by_one(waiting)
        await self._count(waiting)
        crash_point("projector.after_write")
        WRITE.observe(len(waiting))
        ROWS.inc(sum(len(item.changes) for item in waiting))
        for number, item in enumerate(waiting):
            if (error := refused.get(number)) is None:
                self._written.append(item.done)
            elif item.refused is None:
                raise error
            else:
                await item.refused(error)
            key = order_key(item.position) + 1
            place = (item.topic, item.position.partition)
            if key > self._reached.get(place, 0):
                self._reached[place] = key

    async def _count(self, waiting: list[_Waiting]) -> None:
        """Count what there is to be counted, of each partition in order."""
        for topic in {item.topic for item in waiting if any(p.counts for p in self._by_topic[item.topic])}:
            there: dict[int, dict[int, Placed]] = {}
            for item in waiting:
                if item.topic == topic and item.record is not None:
                    there.setdefault(item.position.partition, {})[item.position.offset] = item.record, item.position
            for projection in self._by_topic[topic]:
                if projection.counts and self._counting is not None:
                    for records in there.values():
                        await self._count_into(
                            self._counting, projection, topic, [records[at] for at in sorted(records)]
                        )

    async def _count_into(self, counting: Counting, projection: Projection, topic: str, records: list[Placed]) -> None:
        try:
            await counting.count(projection, topic, records, self._durably)
        except StoreRefused:
            # Perhaps its tables have been dropped.
            await self._look_at_versions()
            if any((p.name, p.version) == (projection.name, projection.version) for p in self._projections):
                raise

    async def _one_by_one(self, waiting: list[_Waiting]) -> dict[int, ValueRefused]:
        """Write what the store refused together; returns which of it is refused alone, too."""
        refused: dict[int, ValueRefused] = {}
        for number, item in enumerate(waiting):
            try:
                await self._durably(item.changes)
            except ValueRefused as error:
                refused[number] = error
        return refused

    async def _write_watermarks(self) -> None:
        reached, self._reached = self._reached, {}
        written, self._written = self._written, []
        rows = [row for place, key in reached.items() for row in watermark_rows(self._kept(*place), {place: key})]
        await self._durably([(0, row) for row in rows])
        self._watermarks_due_s = monotonic_s() + WATERMARK_INTERVAL_S
        crash_point("projector.after_watermarks")
        for done in written:
            done()

    def _kept(self, topic: str, partition: int) -> tuple[Projection, ...]:
        """The versions that hold what this process has seen of a partition."""
        return tuple(
            projection
            for projection in self._by_topic[topic]
            if not projection.counts
            or (self._counting is not None and self._counting.keeps(projection, topic, partition))
        )

    async def _durably(self, changes: list[tuple[int, RowChange]]) -> None:
        while changes:
            try:
                await self._patiently(partial(self._writer.write, changes), "writing rows again")
                return
            except StoreRefused:
                # Perhaps a version has been dropped since these were folded.
                await self._look_at_versions()
                left = [(version, change) for version, change in changes if self._is_kept(version, change)]
                if len(left) == len(changes):
                    raise
                changes = left

    def _is_kept(self, version: int, change: RowChange) -> bool:
        return change.table is WATERMARKS or (change.table, version) in self._tables

    async def _look_at_versions(self) -> None:
        if self._versions is None:
            return
        asked_s = monotonic_s()
        found = await self._patiently(self._versions, "asking again which versions there are")
        self._known_until_s = asked_s + MEMORY_S
        if found != self._projections:
            _log.info("versions", **{p.name: [v.version for v in found if v.name == p.name] for p in found})
            self._keep(found)

    def _keep(self, projections: tuple[Projection, ...]) -> None:
        self._projections = projections
        if self._counting is not None:
            self._counting.forget(projections)
        self._by_topic = {topic: tuple(p for p in projections if topic in p.topics) for topic in TOPICS}
        self._tables = {(table, p.version) for p in projections for table in p.tables}

    async def _patiently(self, operation: Callable[[], Awaitable[T]], doing: str) -> T:
        def again(error: Exception, pause_s: float) -> None:
            _log.warning(doing, error=str(error), pause_s=pause_s)

        return await RETRYING.run(operation, StoreUnavailable, again)
