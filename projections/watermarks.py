"""Watermarks: for each partition, the offset up to which a projection is written.

Written after the data, contiguous. All rows share one partition, so that one write moves them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.order import last_wins, place
from projections.registry import Projection
from projections.rows import Put, Table
from schemas.envelope import Position

WATERMARKS = Table(
    name="watermarks",
    partition_key={"scope": "text"},
    clustering={"projection": "text", "version": "int", "topic": "text", "partition": "int"},
    cells={"next": "bigint"},
)
LIVE = "live"
"""The scope that readers trust: of the version they read. Of a version that is being filled it means nothing yet."""
REBUILD = "rebuild"
"""The scope of a rebuild's own progress."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A record's place, as position tokens name it."""

    topic: str
    partition: int
    offset: int


def watermark_rows(
    projections: tuple[Projection, ...], reached: Mapping[tuple[str, int], int], scope: str = LIVE
) -> list[Put]:
    """The rows that say: of each (topic, partition), all below the order key `reached` is in the tables."""
    rows = []
    for (topic, partition), key in reached.items():
        epoch, offset = place(key)
        timestamp = last_wins(Position(epoch, partition, offset))
        rows += [
            Put(WATERMARKS, (scope, projection.name, projection.version, topic, partition), {"next": key}, timestamp)
            for projection in projections
            if topic in projection.topics
        ]
    return rows
