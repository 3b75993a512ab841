"""Reads an archive: its range without gaps, and its records; every segment is checked first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from topics.archive.manifest import Manifest, Span, folder_of, from_json, joined, span_named
from topics.archive.objects import Objects, open_objects
from topics.archive.segment import read_segment
from topics.errors import DamagedArchive, OutOfRange
from topics.log import RawRecord, cluster_id


def open_archive(url: str, properties: Mapping[str, str]) -> SegmentArchive | None:
    """The archive at `url` of the Kafka cluster that `properties` reach, for reading; None without an URL.

    Raises LogUnavailable, ArchiveUnavailable.
    """
    return SegmentArchive(open_objects(url), cluster_id(properties)) if url else None


class SegmentArchive:
    """The archive of one Kafka cluster, for reading. Implements topics.log.Archive. Blocking; keeps nothing open.

    Every method raises ArchiveUnavailable, and DamagedArchive for what was changed, cut, lost or is another cluster's.
    """

    def __init__(self, objects: Objects, cluster: str) -> None:
        """`cluster`: the id of the Kafka cluster whose log it must be."""
        self.objects = objects
        self.cluster = cluster

    def held(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset, offset after the last) that it keeps without a gap; (0, 0) if nothing."""
        chain = joined(self.spans(topic, partition))
        if not chain:
            return 0, 0
        # An archive of another cluster is refused before anybody relies on its offsets.
        self.manifest(chain[0])
        return chain[0].first, chain[-1].next

    def spans(self, topic: str, partition: int) -> list[Span]:
        """The segments that count, in order; they may overlap."""
        named = (span_named(name) for name in self.objects.names(folder_of(topic, partition)))
        return sorted(span for span in named if span is not None)

    def partitions(self) -> list[tuple[str, int]]:
        """Every (topic, partition) of which something is archived, sorted."""
        named = (span_named(name) for name in self.objects.names(""))
        return sorted({(span.topic, span.partition) for span in named if span is not None})

    def manifest(self, span: Span) -> Manifest:
        """What a segment must hold."""
        try:
            return from_json(self.objects.get(span.manifest), span, self.cluster)
        except FileNotFoundError:
            raise DamagedArchive(span.manifest, span.first, "it disappeared while it was read") from None

    def read_span(self, span: Span) -> Iterator[list[RawRecord]]:
        """The records of one segment, in batches."""
        manifest = self.manifest(span)
        try:
            content = self.objects.get(span.segment)
        except FileNotFoundError:
            raise DamagedArchive(span.segment, span.first, "it is missing, its manifest is there") from None
        yield from read_segment(content, manifest)

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[list[RawRecord]]:
        """The records at `start` (included) to `stop` (excluded), in order, headers too.

        Raises OutOfRange, before the first record, if it does not keep them all.
        """
        chain = joined(self.spans(topic, partition))
        first, end = (chain[0].first, chain[-1].next) if chain else (0, 0)
        if start < first or stop > end:
            raise OutOfRange(topic, partition, start if start < first else stop - 1, first, end)
        following = start
        for span in chain:
            if span.next <= following or span.first >= stop:
                continue
            for batch in self.read_span(span):
                wanted = [record for record in batch if following <= record.offset < stop]
                if wanted:
                    yield wanted
            following = span.next

    def at(self, topic: str, partition: int, at_ms: int) -> int | None:
        """The offset of the first record appended at `at_ms` or later; None if all that is kept is older.

        Relies on a clock of the broker that never went back by more than a segment.
        """
        chain = joined(self.spans(topic, partition))
        place = bisect_left(chain, at_ms, key=lambda span: self.manifest(span).newest_ms)
        for span in chain[place:]:
            for batch in self.read_span(span):
                for record in batch:
                    if record.timestamp_ms >= at_ms:
                        return record.offset
        return None
