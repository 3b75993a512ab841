"""Packs a window of changes into few requests: grouped by partition, bounded by bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from infra.cassandra.session import EncodedRow
from projections.replay.encoding import Encoded, Shape, shape_of
from projections.rows import RowChange
from projections.writer import MAX_BATCH_BYTES, MAX_BATCH_CHANGES

# More than the live writer joins: about a fifth less of the store's work. By the store's count still below the 50 KiB
# from which it refuses; that there are more than 10 partitions it only remarks in its log.
MAX_JOINED_BYTES = 32 * 1024
MAX_JOINED_PARTITIONS = 40


@dataclass(slots=True)
class Partition:
    """The changes of one partition in the order they came. `routing`: its key as bytes, for the driver."""

    routing: tuple[bytes, ...]
    changes: list[Encoded] = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """Rows that are sent together."""

    rows: list[EncodedRow]
    routing: tuple[bytes, ...]
    size: int


def lasting(changes: Iterable[tuple[int, RowChange]]) -> Iterator[tuple[Shape, RowChange]]:
    """The changes that leave a trace, each with its kind: of those to the same columns of a row, the newest one alone.

    The store would come to the same, cell by cell; here it is spared up to a third of the rows.
    """
    kept: dict[tuple[Shape, tuple[str | int, ...]], RowChange] = {}
    for version, change in changes:
        shape = shape_of(version, change)
        place = shape, change.key
        there = kept.get(place)
        if there is None or change.timestamp > there.timestamp:
            kept[place] = change
        elif change.timestamp == there.timestamp and change != there:
            # Which value stays, the store decides.
            yield shape, change
    for (shape, _), change in kept.items():
        yield shape, change


def requests_of(partitions: Iterable[Partition], *, join: bool) -> Iterator[Request]:
    """The partitions' changes as requests, none larger than the store takes unless a single change is.

    `join`: put small partitions together. One node has less to answer then; of several, the first one asked would have
    to ask each of the others.
    """
    gathered = Request([], (), 0)
    places = MAX_JOINED_PARTITIONS
    for partition in partitions:
        parts = list(_parts(partition))
        if len(parts) > 1 or not join or parts[0].size > MAX_JOINED_BYTES // 2:
            yield from parts
            continue
        (part,) = parts
        if gathered.rows and (not places or gathered.size + part.size > MAX_JOINED_BYTES):
            yield gathered
            gathered, places = Request([], (), 0), MAX_JOINED_PARTITIONS
        gathered.rows += part.rows
        gathered.size += part.size
        gathered.routing = gathered.routing or part.routing
        places -= 1
    if gathered.rows:
        yield gathered


def _parts(partition: Partition) -> Iterator[Request]:
    part = Request([], partition.routing, 0)
    for query_id, values, size in partition.changes:
        if part.rows and (part.size + size > MAX_BATCH_BYTES or len(part.rows) == MAX_BATCH_CHANGES):
            yield part
            part = Request([], partition.routing, 0)
        part.rows.append((True, query_id, values))
        part.size += size
    yield part
