"""One topic's records as an Avro object-container file: keys, values and headers unchanged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fastavro import parse_schema
from fastavro import reader as avro_reader
from fastavro.write import Writer

from topics.log import RawRecord
from topics.slices.errors import SliceRefused

SUFFIX = ".avro"
RECORD_SCHEMA = parse_schema(
    {
        "type": "record",
        "namespace": "verbatim",
        "name": "LogRecord",
        "doc": "A record of a topic. value: Confluent framing (0, 4 bytes schema id, Avro body), see manifest.json.",
        "fields": [
            {"name": "partition", "type": "int"},
            {"name": "offset", "type": "long"},
            {"name": "timestamp_ms", "type": "long", "doc": "When the broker appended it, ms since 1970 in UTC."},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "LogHeader",
                        "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
                    },
                },
            },
        ],
    }
)
_PIECE = 1024 * 1024


class _Hashing:
    """A file that knows the checksum of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def seekable(self) -> bool:
        """Never: fastavro then does not ask whether there is a file to be appended to."""
        return False


class ContainerWriter:
    """Writes one topic's file, readable by its owner alone. Raises OSError when the disk does not take it."""

    def __init__(self, file: Path) -> None:
        self._file = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hashing = _Hashing(self._file)
        self._writer: Any = Writer(self._hashing, RECORD_SCHEMA, codec="deflate", sync_interval=256 * 1024)
        self.records = 0
        self.schema_ids: set[int] = set()

    def write(self, record: RawRecord) -> None:
        """Append one record."""
        self._writer.write(
            {
                "partition": record.partition,
                "offset": record.offset,
                "timestamp_ms": record.timestamp_ms,
                "key": record.key,
                "value": record.value,
                "headers": [{"name": name, "value": value} for name, value in record.headers],
            }
        )
        self.records += 1
        value = record.value
        if value is not None and len(value) >= 5 and value[0] == 0:
            self.schema_ids.add(int.from_bytes(value[1:5], "big"))

    def finish(self) -> tuple[int, str]:
        """Bring it to the disk and close it; returns its size and sha256."""
        self._writer.flush()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hashing.size, self._hashing.digest.hexdigest()

    def abandon(self) -> None:
        """Close it as it is."""
        try:
            self._file.close()
        except OSError:
            return  # what the disk did not take is not wanted any more


def checksum(file: Path) -> tuple[int, str]:
    """Size and sha256 of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def read_container(file: Path, topic: str) -> Iterator[RawRecord]:
    """The records in a file, in its order. Raises SliceRefused for what is no such file."""
    try:
        with file.open("rb") as opened:
            found: Any = avro_reader(opened)
            for row in found:
                yield RawRecord(
                    topic,
                    row["partition"],
                    row["offset"],
                    row["timestamp_ms"],
                    row["key"],
                    row["value"],
                    tuple((header["name"], header["value"]) for header in row["headers"]),
                )
    except OSError as error:
        raise SliceRefused(f"{file} cannot be read: {error.strerror}") from None
    except SliceRefused:
        raise
    except Exception as error:  # fastavro raises whatever the damage leads to; no IO but reading happens here
        raise SliceRefused(f"{file} is not a file of a slice: {type(error).__name__}") from None
