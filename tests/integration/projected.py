"""A log projected into the real Cassandra, and what reads it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infra.cassandra.session import CassandraSession
from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.settings import Settings
from projections import Projections
from projections.history import ProjectedHistory
from projections.order import order_key
from projections.registry import PROJECTIONS, fold_all
from projections.replay.counts import LocalCounts
from projections.watermarks import watermark_rows
from projections.writer import RowWriter
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.counted_rows import counted
from tests.fakes.projection_logs import LogBuilder
from tests.fakes.projection_records import PRICE

MODELS = ModelCatalogue([ModelSpec("local", "triton", "local", 4096, 512, PRICE)])
"""The catalogue of the one model that these logs ask for."""
_numbers = itertools.count()


def name_of_its_own() -> str:
    """An id that no other test uses."""
    return f"n{next(_numbers)}"


@dataclass
class Projected(LogBuilder):
    """A log whose records are in the tables once `show` returned."""

    settings: Settings
    session: CassandraSession
    reads: Projections
    writer: RowWriter
    shown: int = 0
    counts: LocalCounts = field(default_factory=LocalCounts)

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def history(self) -> ProjectedHistory:
        return ProjectedHistory(self.reads, MODELS)

    async def show(self, *, watermarks: bool = True) -> None:
        """Project what was appended since."""
        new, self.shown = self.placed[self.shown :], len(self.placed)
        changes = []
        for placed in new:
            concerned = tuple(p for p in PROJECTIONS if placed.topic in p.topics)
            changes += fold_all(concerned, placed.record, placed.position)
            changes += counted(self.counts, placed.topic, placed.record, placed.position)
        await self.writer.write(changes)
        if watermarks:
            reached = {(p.topic, p.position.partition): order_key(p.position) + 1 for p in new}
            await self.writer.write([(0, row) for row in watermark_rows(PROJECTIONS, reached)])


@asynccontextmanager
async def projected_in(servers: Settings) -> AsyncIterator[Projected]:
    async with own_keyspace(servers) as (settings, session):
        reads = await Projections.connect(settings.cassandra)
        try:
            yield Projected(settings, session, reads, RowWriter(session, settings.cassandra.keyspace))
        finally:
            await reads.aclose()
