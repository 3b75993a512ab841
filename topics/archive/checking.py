"""Checks a whole archive: it is what was written, and it and the topic form one log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from topics.archive.reading import SegmentArchive
from topics.archive.trimming import compare
from topics.archive.writing import goes_on_at
from topics.log import Log


def check_partition(
    archive: SegmentArchive, log: Log, topic: str, partition: int, low: int, high: int
) -> Iterator[int]:
    """Read every segment of a partition, and what the topic (`low` to `high`) holds of the same offsets again; yields
    how many records each step took. `log` reads headers and has no archive.

    Raises DamagedArchive (changed, cut or missing bytes, other records than the topic's, a gap
    between the two), LogError.
    """
    first, end = archive.held(topic, partition)
    goes_on_at(archive, topic, partition, low, high)
    for span in archive.spans(topic, partition):
        yield from map(len, archive.read_span(span))
    both = max(low, first)
    if both < end:
        place = topic, partition
        # Closed at once on a difference, so that the log can read something else.
        with closing(log.read({place: both}, {place: end})) as held:
            seen = 0
            for equal in compare(topic, partition, archive.read(topic, partition, both, end), held):
                yield equal - seen
                seen = equal
