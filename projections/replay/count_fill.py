"""Fills a version whose rows are made of the rows before: counts the log here, and writes what it comes to.

Nothing of a killed run is taken up: the next one counts from the beginning again, and writes the same rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from infra.cassandra.session import CassandraSession
from projections.order import order_key
from projections.registry import Projection
from projections.replay.bulk import BulkWriter
from projections.replay.counts import LocalCounts
from projections.replay.folding import RecordFold
from projections.replay.spooling import Read, Stop
from projections.rows import RowChange
from projections.watermarks import watermark_rows
from projections.writer import RowWriter
from topics.catalogue import Catalogue
from topics.cuts import Cut

WINDOW_ROWS = 5000


class CountFill:
    """Counts for one version. `close` it."""

    def __init__(
        self, projection: Projection, topics: Catalogue, session: CassandraSession, keyspace: str, scratch: Path | None
    ) -> None:
        """`scratch`: a file of this run's own; None: all of it fits in memory."""
        self._projection = projection
        self._topics = topics
        self._session = session
        self._keyspace = keyspace
        self._fold = RecordFold(projection, topics, LocalCounts(scratch))
        self._come_to: Cut = {}

    def close(self) -> None:
        self._fold.close()

    async def up_to(self, cut: Cut, read: Read, writer: BulkWriter, stop: Stop, report: Callable[[int], None]) -> None:
        """Count on, write all rows, and say that the version counts all below `cut`: from there on it is the
        projector's. Raises what BulkWriter, `read` and `stop` raise."""
        await asyncio.to_thread(self._count, cut, read, stop, report)
        await asyncio.to_thread(self._write, writer)
        keys = {
            (topic, partition): order_key(self._topics.position(topic, partition, offset))
            for (topic, partition), offset in cut.items()
        }
        rows = watermark_rows((self._projection,), keys)
        await RowWriter(self._session, self._keyspace).write([(0, row) for row in rows])
        self._come_to = cut

    def _count(self, cut: Cut, read: Read, stop: Stop, report: Callable[[int], None]) -> None:
        done = 0
        for batch in read(self._come_to, cut):
            stop.check()
            for raw in batch:
                self._fold.changes(raw)
            done += len(batch)
            report(done)

    def _write(self, writer: BulkWriter) -> None:
        window: list[tuple[int, RowChange]] = []
        assert self._fold.counts is not None  # noqa: S101 - the projection counts
        for row in self._fold.counts.rows():
            window.append((self._projection.version, row))
            if len(window) >= WINDOW_ROWS:
                writer.write(window, _nothing)
                window = []
        writer.write(window, _nothing)
        writer.flush()


def _nothing() -> None:
    """Progress is not noted: see above."""
