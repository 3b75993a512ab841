"""Logs in memory: what export reads, what import reads and appends to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.codec import decode, encode
from schemas.envelope import Position
from tests.fakes.projection_logs import Placed
from topics.catalogue import catalogue
from topics.cuts import Cut
from topics.epochs import Layout, by_epoch
from topics.headers import headers_of
from topics.log import RawRecord
from topics.slices.entries import key_of


class Killed(BaseException):
    """The process is gone."""


class _Acknowledgement:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


class MemoryLog:
    """A log, and a producer for it that acknowledges at its next poll."""

    def __init__(self, partitions: int = 2, token_chunk_partitions: int = 1) -> None:
        self.laid_out = {
            spec.name: spec.layout
            for spec in catalogue(keyed_partitions=partitions, token_chunk_partitions=token_chunk_partitions)
        }
        self.places: dict[tuple[str, int], list[RawRecord]] = {
            (topic, partition): [] for topic, count in self.partitions.items() for partition in range(count)
        }
        self._left: int | None = None
        self._waiting: list[tuple[Any, int]] = []

    @property
    def partitions(self) -> dict[str, int]:
        return {topic: layout.partitions for topic, layout in self.laid_out.items()}

    def grow(self, more: int, *topics: str) -> None:
        """Begin a new epoch of these topics."""
        for topic in topics:
            old = self.laid_out[topic]
            self.laid_out[topic] = Layout(old.partitions + more, (*old.seams, old.partitions))
            self.places |= {(topic, old.partitions + partition): [] for partition in range(more)}

    def put(self, topic: str, key: str, value: bytes, headers: Iterable[tuple[str, Any]] = ()) -> Position:
        """Append a record to the partition of its key."""
        partition = self.laid_out[topic].partition(key)
        there = self.places[topic, partition]
        there.append(RawRecord(topic, partition, len(there), 1000 + len(there), key.encode(), value, tuple(headers)))
        return self.laid_out[topic].position(partition, len(there) - 1)

    def say(self, topic: str, record: Any, key: str | None = None) -> Position:
        return self.put(topic, key or key_of(topic, record), encode(record), headers_of(record) or ())

    @classmethod
    def of(cls, placed: Iterable[Placed]) -> MemoryLog:
        """The log that a LogBuilder built: every record stands where it says."""
        log = cls()
        for record in placed:
            assert log.say(record.topic, record.record) == record.position
        return log

    def killed_after(self, records: int | None) -> None:
        """A producer begins that is killed after so many records, before they are acknowledged; None: it lives."""
        self._left, self._waiting = records, []

    def said(self, topic: str) -> list[tuple[Position, Any]]:
        """Every record of a topic, decoded."""
        return [
            (self.laid_out[topic].position(partition, raw.offset), decode(raw.value))
            for partition in range(self.partitions[topic])
            for raw in self.places[topic, partition]
        ]

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        return {place: len(records) for place, records in self.places.items()}

    # What is used of topics.log.Log:

    def layouts(self) -> dict[str, Layout]:
        return dict(self.laid_out)

    def topics(self) -> dict[str, int]:
        return dict(self.partitions)

    def held(self, topics: Mapping[str, int]) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        there = [place for place in self.places if place[0] in topics]
        return dict.fromkeys(there, 0), {place: len(self.places[place]) for place in there}

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        for part in by_epoch(stop, self.laid_out):
            for place, until in sorted(part.items(), reverse=True):  # in whatever order
                yield self.places[place][start.get(place, 0) : until]

    # What is used of a producer:

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, *, on_delivery: Any, headers: list[tuple[str, Any]]
    ) -> None:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1
        assert partition == self.laid_out[topic].partition(key.decode())
        self._waiting.append((on_delivery, self.put(topic, key.decode(), value, headers).offset))

    def poll(self, timeout: float) -> int:
        waiting, self._waiting = self._waiting, []
        for delivered, offset in waiting:
            delivered(None, _Acknowledgement(offset))
        return len(waiting)

    def flush(self, timeout: float) -> int:
        self.poll(0)
        return 0
