"""What counting reads of the store and of the log, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from projections.counting import Counting, Key, Placed
from projections.order import order_key
from projections.registry import Projection
from projections.replay.counts import LocalCounts
from projections.rows import RowChange, Table
from projections.usage_rollups.rules import Cells
from projections.versions import physical_name
from schemas.envelope import Position
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import USAGE_RECORDS


@dataclass
class MemoryStates:
    """projections.counting.CountedRows. `watermarks`: of each partition, as the projector wrote them."""

    store: MemoryRowStore
    watermarks: dict[int, int] = field(default_factory=dict)
    asked: int = 0

    async def rows(self, table: Table, version: int, keys: Sequence[Key]) -> Mapping[Key, Cells | None]:
        self.asked += len(keys)
        there = self.store.rows().get(physical_name("", table, version).removeprefix("."), {})
        return {key: there.get(key) for key in keys}

    async def reached(self, projection: Projection, topic: str, partition: int) -> int | None:
        return self.watermarks.get(partition)


def counting_of(states: MemoryStates, log: Sequence[Placed]) -> Counting:
    """A process that counts: `log` is what it can read of what it missed."""

    async def missed(topic: str, partition: int, start: int, stop: int) -> AsyncIterator[list[Placed]]:
        found = [placed for placed in log if placed[1].partition == partition and start <= placed[1].offset < stop]
        for at in range(0, len(found), 3):
            yield found[at : at + 3]

    return Counting(states, missed)


def watermark(log: Sequence[Placed]) -> int:
    """What says that all of it is counted."""
    return order_key(log[-1][1]) + 1


def counted(counts: LocalCounts, topic: str, record: Any, position: Position) -> list[tuple[int, RowChange]]:
    """What the projector writes of a record into tables that count, beside what folds make of it."""
    if topic != USAGE_RECORDS:
        return []
    found = counts.count([(record, position)])
    return [(1, row) for row in (*found.sums, *found.bills)]
