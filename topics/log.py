"""The log as one: what a topic still holds, and before it what an archive keeps. For replay, never for live reading."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import KafkaException, Message
from confluent_kafka import TopicPartition as Place

from topics.consumer import assigned_consumer, bounds, next_batch
from topics.cuts import Cut, TopicPartition
from topics.errors import FatalLogError, LogUnavailable, OutOfRange

BATCH = 5000
_ANSWER_S = 10.0
_SILENCE_S = 30.0


@dataclass(slots=True)
class RawRecord:
    """A record as it stands in the log, undecoded. Not frozen, for speed alone: nobody changes one.

    `timestamp_ms`: when the broker appended it.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Archive(Protocol):
    """Where records go before retention takes them."""

    def held(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset, offset after the last) that it keeps without a gap; (0, 0) if nothing. Raises LogError."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[list[RawRecord]]:
        """The records at `start` (included) to `stop` (excluded), in order, headers too. Raises DamagedArchive."""


class Log:
    """Reads spans of the log. Blocking: in a loop, run it in a thread. One reader at a time; `close` it."""

    def __init__(self, properties: Mapping[str, str], archive: Archive | None = None, *, headers: bool = False) -> None:
        """`headers`: read them too; they cost as much as everything else a record has."""
        self._properties = properties
        self._archive = archive
        self._headers = headers
        # librdkafka's own remarks on stderr would mix with those of a command.
        self._consumer = assigned_consumer({**properties, "log_level": "0"})

    def close(self) -> None:
        self._consumer.close()

    def topics(self) -> dict[str, int]:
        """The partition counts of all topics there are. Raises LogUnavailable."""
        try:
            found = self._consumer.list_topics(timeout=_ANSWER_S).topics
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """(first offset, end offset) of every partition of `topics` (name: partitions), as two cuts.

        The first is the archive's where it joins the topic without a gap. Raises LogUnavailable.
        """
        first: dict[TopicPartition, int] = {}
        end: dict[TopicPartition, int] = {}
        for topic, partitions in topics.items():
            for partition in range(partitions):
                low, high = bounds(self._consumer, topic, partition, _ANSWER_S)
                kept = self._archive.held(topic, partition) if self._archive is not None else (0, 0)
                first[topic, partition] = kept[0] if kept[0] < low <= kept[1] else low
                end[topic, partition] = high
        return first, end

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[TopicPartition, int]:
        """The cut of a time (milliseconds since 1970 UTC): what was appended before it. Raises LogUnavailable.

        A time after the newest record is the end. A time that only the archive reaches is its place there.
        """
        first, end = self.held(topics)
        places = [Place(topic, partition, max(at_ms, 0)) for topic, partition in end]
        try:
            found = self._consumer.offsets_for_times(places, timeout=_ANSWER_S)
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
        cut = {(p.topic, p.partition): p.offset if p.offset >= 0 else end[p.topic, p.partition] for p in found}
        for (topic, partition), offset in cut.items():
            low, _ = bounds(self._consumer, topic, partition, _ANSWER_S)
            if offset == low and first[topic, partition] < low:
                cut[topic, partition] = self._archived_at(topic, partition, first[topic, partition], low, at_ms)
        return cut

    def _archived_at(self, topic: str, partition: int, first: int, low: int, at_ms: int) -> int:
        assert self._archive is not None  # noqa: S101 - `first` came from it
        for batch in self._archive.read(topic, partition, first, low):
            for record in batch:
                if record.timestamp_ms >= at_ms:
                    return record.offset
        return low

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        """The records between two cuts, in batches: each partition in order, partitions in whatever order they come.

        A partition is read from its offset in `start` (0 if it has none) to its offset in `stop`; one without an offset
        in `stop` is not read. Raises OutOfRange if neither topic nor archive hold them all (also when retention takes
        them meanwhile), LogUnavailable if nothing comes for 30 s, DamagedArchive, FatalLogError.
        """
        live: dict[TopicPartition, tuple[int, int]] = {}
        for (topic, partition), until in sorted(stop.items()):
            at = start.get((topic, partition), 0)
            if at >= until:
                continue
            low, high = bounds(self._consumer, topic, partition, _ANSWER_S)
            if at < low and self._archive is not None:
                first, kept = self._archive.held(topic, partition)
                if first <= at < kept:
                    upto = min(kept, low, until) if kept >= low else min(kept, until)
                    yield from self._archive.read(topic, partition, at, upto)
                    at = upto
            if at >= until:
                continue
            if at < low or until > high:
                raise OutOfRange(topic, partition, at if at < low else until - 1, low, high)
            live[topic, partition] = at, until
        yield from self._live(live)

    def _live(self, spans: dict[TopicPartition, tuple[int, int]]) -> Iterator[list[RawRecord]]:
        if not spans:
            return
        self._consumer.assign([Place(topic, partition, at) for (topic, partition), (at, _) in spans.items()])
        following = {place: at for place, (at, _) in spans.items()}
        left = {place: until for place, (_, until) in spans.items()}
        quiet_until_s = time.monotonic() + _SILENCE_S
        try:
            while left:
                batch = self._next(following, left)
                if batch:
                    quiet_until_s = time.monotonic() + _SILENCE_S
                elif time.monotonic() > quiet_until_s:
                    topic, partition = min(left)
                    raise LogUnavailable(
                        f"{topic}[{partition}] sent nothing for {_SILENCE_S:.0f} s at {following[topic, partition]}"
                    )
                records = [record for record in map(self._raw, batch) if self._counts(record, following, left)]
                if records:
                    yield records
        finally:
            self._consumer.unassign()

    def _next(self, following: Mapping[TopicPartition, int], left: Mapping[TopicPartition, int]) -> list[Message]:
        try:
            return next_batch(self._consumer, BATCH, 0.5)
        except FatalLogError:
            for topic, partition in left:
                low, high = bounds(self._consumer, topic, partition, _ANSWER_S)
                if following[topic, partition] < low:  # retention took them while we were reading
                    raise OutOfRange(topic, partition, following[topic, partition], low, high) from None
            raise

    def _counts(self, record: RawRecord, following: dict[TopicPartition, int], left: dict[TopicPartition, int]) -> bool:
        place = record.topic, record.partition
        until = left.get(place)
        if until is None:
            return False
        following[place] = record.offset + 1
        if record.offset + 1 >= until:
            del left[place]
            self._consumer.incremental_unassign([Place(*place)])
        return record.offset < until

    def _raw(self, message: Message) -> RawRecord:
        headers = _headers(message) if self._headers else ()
        return RawRecord(
            message.topic() or "",
            message.partition() or 0,
            message.offset() or 0,
            message.timestamp()[1],
            message.key(),
            message.value(),
            headers,
        )


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    pairs: list[tuple[str, str | bytes | None]] = list(message.headers() or ())  # type: ignore[arg-type]
    return tuple((name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs)
