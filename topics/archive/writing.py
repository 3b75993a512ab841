"""Fills an archive from the log, segment by segment, each whole or not at all; several writers do no harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from topics.archive.manifest import Manifest, folder_of, to_json
from topics.archive.reading import SegmentArchive
from topics.archive.segment import SegmentWriter, described, read_segment
from topics.errors import DamagedArchive
from topics.log import RawRecord


def goes_on_at(archive: SegmentArchive, topic: str, partition: int, low: int, high: int) -> int:
    """The offset from which a partition, which holds `low` to `high`, is to be archived.

    Raises DamagedArchive if the two are not one log: retention was quicker, or the archive is ahead of the topic.
    """
    first, end = archive.held(topic, partition)
    if end == first:
        return low
    if end < low:
        said = f"it ends there, and the topic begins at {low}: the records between them are lost"
    elif end > high:
        said = f"it ends there, and the topic already at {high}: that is not the topic that was archived"
    else:
        return end
    raise DamagedArchive(
        folder_of(topic, partition), end, f"{said}. Keep this archive, and name a new place in [archive] url"
    )


def archive_records(
    archive: SegmentArchive,
    topic: str,
    partition: int,
    batches: Iterable[list[RawRecord]],
    first: int,
    until: int,
    segment_bytes: int,
) -> Iterator[Manifest]:
    """Write all of `batches`, which are the records at `first` (included) to `until` (excluded); yields what is kept.

    Each segment yielded is durable, so after a crash anywhere the next one begins where the last one ended. Raises
    ArchiveUnavailable, DamagedArchive, and whatever `batches` raises.
    """
    writer = SegmentWriter(archive.cluster, topic, partition, first, segment_bytes)
    for batch in batches:
        for record in batch:
            writer.add(record)
            if writer.full:
                yield _keep(archive, *writer.finish(writer.next))
                writer = SegmentWriter(archive.cluster, topic, partition, writer.next, segment_bytes)
    if until > writer.next or writer.count:
        yield _keep(archive, *writer.finish(until))


def _keep(archive: SegmentArchive, manifest: Manifest, content: bytes) -> Manifest:
    objects, span = archive.objects, manifest.span
    if not objects.put(span.segment, content):
        manifest = _found_there(archive, manifest, content)
    objects.put(span.manifest, to_json(manifest))
    return manifest


def _found_there(archive: SegmentArchive, manifest: Manifest, content: bytes) -> Manifest:
    """The manifest of a segment that another archiver wrote before us, maybe one that was killed."""
    objects, span = archive.objects, manifest.span
    found = objects.get(span.segment)
    if found == content:
        return manifest
    if span in archive.spans(span.topic, span.partition):
        counted = archive.manifest(span)
        if not _same(read_segment(found, counted), read_segment(content, manifest)):
            raise DamagedArchive(span.segment, span.first, "it holds other records than the topic")
        return counted
    # No manifest, so it does not count yet: taken as it is if it is whole (another zlib makes other bytes).
    try:
        theirs = described(found, span, archive.cluster)
        if _same(read_segment(found, theirs), read_segment(content, manifest)):
            return theirs
    except DamagedArchive:
        pass
    objects.remove(span.segment)
    if not objects.put(span.segment, content):
        raise DamagedArchive(span.segment, span.first, "another process keeps overwriting it")
    return manifest


def _same(one: Iterator[list[RawRecord]], other: Iterator[list[RawRecord]]) -> bool:
    return all(a == b for a, b in zip_longest(one, other))
