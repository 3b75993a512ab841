"""A log and its tables in memory, as replay reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from projections.registry import Projection
from projections.replay.folding import Parked, RecordFold
from projections.replay.ring import RingOrder, Span
from projections.replay.stored import StoredRow
from projections.rows import Table
from schemas.codec import encode
from tests.fakes.projection_logs import TOPICS, Placed
from tests.fakes.projection_records import AT
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import Catalogue
from topics.cuts import Cut, TopicPartition
from topics.log import RawRecord


def raw(placed: Placed) -> RawRecord:
    """The record as the log holds it; appended a millisecond after the one before it."""
    position = placed.position
    key = getattr(placed.record, "user_id", None) if "conversation" not in placed.topic else None
    key = key or getattr(placed.record, "conversation_id", None) or placed.record.turn.conversation_id
    at_ms = AT // 1000 + position.offset + 10_000 * position.epoch
    return RawRecord(placed.topic, position.partition, position.offset, at_ms, key.encode(), encode(placed.record))


@dataclass
class MemoryLog:
    """What `Log` says of these records. `batch`: how many come at a time."""

    records: list[RawRecord]
    batch: int = 3
    reads: list[tuple[Cut, Cut]] = field(default_factory=list)
    topics: Catalogue = TOPICS

    @classmethod
    def of(cls, log: Iterable[Placed], batch: int = 3, topics: Catalogue = TOPICS) -> MemoryLog:
        return cls([raw(placed) for placed in log], batch, topics=topics)

    def ends(self) -> dict[TopicPartition, int]:
        ends = {(spec.name, partition): 0 for spec in self.topics for partition in range(spec.partitions)}
        for record in self.records:
            place = record.topic, record.partition
            ends[place] = max(ends[place], record.offset + 1)
        return ends

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        end = {place: offset for place, offset in self.ends().items() if place[0] in topics}
        return dict.fromkeys(end, 0), end

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[TopicPartition, int]:
        older = MemoryLog([record for record in self.records if record.timestamp_ms < at_ms], topics=self.topics)
        return older.held(topics)[1]

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        self.reads.append((dict(start), dict(stop)))
        wanted = [
            record
            for record in self.records
            if start.get((record.topic, record.partition), 0)
            <= record.offset
            < stop.get((record.topic, record.partition), 0)
        ]
        for at in range(0, len(wanted), self.batch):
            yield wanted[at : at + self.batch]


class MemoryRows(MemoryRowStore):
    """Tables that replay can read, two rows at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._folds: dict[tuple[str, int, int], RecordFold] = {}

    @asynccontextmanager
    async def in_order(self, table: Table, version: int, span: Span) -> AsyncIterator[AsyncIterator[list[StoredRow]]]:
        order = RingOrder(table)
        rows = [
            StoredRow(order.sort_key(key)[0], key, cells)
            for key, cells in self.cells().get(f"{table.name}_v{version}", {}).items()
            if order.sort_key(key)[0] in span
        ]
        rows.sort(key=lambda row: (row.token, order.turned(row.key)))

        async def pages() -> AsyncIterator[list[StoredRow]]:
            for at in range(0, len(rows), 2):
                yield rows[at : at + 2]

        yield pages()

    def project(
        self, projection: Projection, records: Iterable[RawRecord], version: int = 1, topics: Catalogue = TOPICS
    ) -> None:
        """What the projector would have written, once it came so far."""
        of = projection.name, projection.definition, version
        fold = self._folds.get(of) or self._folds.setdefault(of, RecordFold(projection, topics))
        for record in records:
            if record.topic not in projection.topics:
                continue
            changes = fold.changes(record)
            for change in () if isinstance(changes, Parked) else changes:
                self.apply(version, change)
