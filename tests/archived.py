"""Archives for tests: records to put in, archives in memory, and ways to damage one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from obstore.store import MemoryStore

from topics.archive.manifest import Manifest
from topics.archive.objects import ARCHIVE, Objects
from topics.archive.reading import SegmentArchive
from topics.archive.writing import archive_records
from topics.log import RawRecord

CLUSTER = "cluster-of-the-tests"
TOPIC = "conversation-events"
SMALL = 4096
"""Bytes of a segment that holds only some of `records_of`'s records."""


def memory_archive(cluster: str = CLUSTER) -> SegmentArchive:
    return SegmentArchive(Objects("memory:///", MemoryStore(), None, ARCHIVE), cluster)


def records_of(first: int, until: int, *, every: int = 1, size: int = 100) -> list[RawRecord]:
    """Records at every `every`-th offset, a second apart, that do not compress well."""
    return [
        RawRecord(
            TOPIC,
            0,
            offset,
            1_000_000 + 1000 * offset,
            b"key-%d" % offset,
            bytes((offset * 7919 + n * n * 31 + (n * offset) % 251) % 256 for n in range(size)),
            (("event-type", b"Test"), ("nothing", None)) if offset % 3 == 0 else (),
        )
        for offset in range(first, until, every)
    ]


def in_batches(records: Sequence[RawRecord], size: int = 10) -> Iterator[list[RawRecord]]:
    for at in range(0, len(records), size):
        yield list(records[at : at + size])


def fill(
    archive: SegmentArchive, records: Sequence[RawRecord], first: int, until: int, segment_bytes: int = SMALL
) -> list[Manifest]:
    return list(archive_records(archive, TOPIC, 0, in_batches(records), first, until, segment_bytes))


def flat(batches: Iterator[list[RawRecord]]) -> list[RawRecord]:
    return [record for batch in batches for record in batch]


def replace(archive: SegmentArchive, name: str, content: bytes) -> None:
    """What no archiver does: other bytes under the same name."""
    archive.objects.remove(name)
    archive.objects.put(name, content)
