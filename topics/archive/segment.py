"""A segment: records as the log holds them, as an Avro object-container file that any Avro tool reads."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import fastavro
from fastavro.write import Writer

from topics.archive.manifest import FORMAT, Manifest, Span
from topics.errors import DamagedArchive
from topics.log import RawRecord

BATCH = 5000
_BLOCK_BYTES = 64 * 1024
_LEVEL = 1
_SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "ArchivedRecord",
        "namespace": "verbatim.archive",
        "doc": "A record as it stood in a partition; topic and partition are in the file's metadata.",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "timestamp_ms", "type": "long", "doc": "When the broker appended it, since 1970 in UTC."},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Header",
                        "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
                    },
                },
            },
        ],
    }
)
_BROKEN = (
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    StopIteration,
    OverflowError,
    struct.error,
    zlib.error,
)


class SegmentWriter:
    """Takes the records of one partition, in order, and makes a segment of them in memory.

    The same records from the same first offset, under the same bound, are always the same bytes (of the same zlib).
    """

    def __init__(self, cluster: str, topic: str, partition: int, first: int, bound_bytes: int) -> None:
        self._cluster, self._topic, self._partition, self._first = cluster, topic, partition, first
        self._bound_bytes = bound_bytes
        self._file = io.BytesIO()
        head = {
            "verbatim.format": str(FORMAT),
            "verbatim.cluster": cluster,
            "verbatim.topic": topic,
            "verbatim.partition": str(partition),
            "verbatim.first": str(first),
        }
        mark = hashlib.sha256(repr(sorted(head.items())).encode()).digest()[:16]
        self._writer: Any = Writer(
            self._file,
            _SCHEMA,
            codec="deflate",
            sync_interval=min(_BLOCK_BYTES, bound_bytes // 4),
            metadata=head,
            sync_marker=mark,
            compression_level=_LEVEL,
        )
        self.next = first
        self.count = 0
        self.oldest_ms = self.newest_ms = -1

    @property
    def full(self) -> bool:
        """Whether it has reached its bound, give or take a block and a record."""
        return self._file.tell() >= self._bound_bytes

    def add(self, record: RawRecord) -> None:
        """Raises ValueError if the record's offset is not larger than the one before it."""
        if record.offset < self.next:
            raise ValueError(f"offset {record.offset} came after {self.next - 1}")
        self._writer.write(
            {
                "offset": record.offset,
                "timestamp_ms": record.timestamp_ms,
                "key": record.key,
                "value": record.value,
                "headers": [{"name": name, "value": value} for name, value in record.headers],
            }
        )
        at = record.timestamp_ms
        self.oldest_ms = at if not self.count else min(at, self.oldest_ms)
        self.newest_ms = max(at, self.newest_ms)
        self.next = record.offset + 1
        self.count += 1

    def finish(self, until: int) -> tuple[Manifest, bytes]:
        """The segment, as holding all there is below offset `until`, and its manifest."""
        self._writer.flush()
        content = self._file.getvalue()
        manifest = Manifest(
            self._cluster,
            self._topic,
            self._partition,
            self._first,
            until,
            self.count,
            len(content),
            hashlib.sha256(content).hexdigest(),
            self.oldest_ms,
            self.newest_ms,
        )
        return manifest, content


def described(content: bytes, span: Span, cluster: str) -> Manifest:
    """The manifest of a segment that has none yet. Raises DamagedArchive if its bytes are no such segment."""
    digest = hashlib.sha256(content).hexdigest()
    count, oldest, newest = 0, -1, -1
    for batch in _records(content, span, cluster):
        times = [record.timestamp_ms for record in batch]
        oldest = min(times) if not count else min(oldest, *times)
        newest = max(newest, *times)
        count += len(batch)
    return Manifest(
        cluster, span.topic, span.partition, span.first, span.next, count, len(content), digest, oldest, newest
    )


def read_segment(content: bytes, manifest: Manifest) -> Iterator[list[RawRecord]]:
    """The records of a segment in order, in batches; all of its bytes are checked before the first one is passed on.

    Raises DamagedArchive.
    """
    span = manifest.span
    if len(content) != manifest.bytes:
        raise DamagedArchive(
            span.segment, span.first, f"it has {len(content)} bytes instead of {manifest.bytes}: it was cut or replaced"
        )
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise DamagedArchive(span.segment, span.first, "its bytes were changed: the checksum does not fit")
    count = 0
    for batch in _records(content, span, manifest.cluster):
        count += len(batch)
        yield batch
    if count != manifest.count:
        raise DamagedArchive(span.segment, span.first, f"it holds {count} records instead of {manifest.count}")


def _records(content: bytes, span: Span, cluster: str) -> Iterator[list[RawRecord]]:
    topic, partition = span.topic, span.partition
    following = span.first
    try:
        reader: Any = fastavro.reader(io.BytesIO(content))
        head = reader.metadata
        expected = {"cluster": cluster, "topic": topic, "partition": str(partition), "first": str(span.first)}
        for name, value in expected.items():
            if (found := head.get(f"verbatim.{name}")) != value:
                raise DamagedArchive(
                    span.segment, span.first, f"its {name} is {str(found)[:100]!r} instead of {value!r}"
                )
        batch: list[RawRecord] = []
        for found in reader:
            offset = found["offset"]
            if not following <= offset < span.next:
                raise DamagedArchive(span.segment, following, f"offset {offset} does not belong there")
            following = offset + 1
            headers = found["headers"]
            batch.append(
                RawRecord(
                    topic,
                    partition,
                    offset,
                    found["timestamp_ms"],
                    found["key"],
                    found["value"],
                    tuple([(header["name"], header["value"]) for header in headers]) if headers else (),
                )
            )
            if len(batch) == BATCH:
                yield batch
                batch = []
    except _BROKEN as error:
        raise DamagedArchive(span.segment, following, f"it cannot be read ({type(error).__name__})") from error
    if batch:
        yield batch
