"""Reads spans of topics fast and in flat memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as Place

from topics.consumer import bounds, is_repairable
from topics.cuts import Cut, TopicPartition
from topics.errors import FatalLogError, LogUnavailable

BATCH = 5000
ANSWER_S = 10.0
_SILENCE_S = 30.0
_POLL_S = 0.5
# What librdkafka reads ahead, of all partitions together: memory stays flat however large the records are.
BOUNDED: Mapping[str, str] = {
    "queued.max.messages.kbytes": str(32 * 1024),
    "fetch.max.bytes": str(16 * 1024 * 1024),
    "fetch.message.max.bytes": str(9 * 1024 * 1024),
    # After a full queue the default is to pause for a second, which is far longer than emptying it takes.
    "fetch.queue.backoff.ms": "2",
    # The end of a partition may be a gap (a transaction's marker, what compaction took), which no record tells of.
    "enable.partition.eof": "true",
    # librdkafka's own remarks on stderr would mix with those of a command.
    "log_level": "0",
}


@dataclass(slots=True)
class RawRecord:
    """A record as it stands in the log, undecoded. Not frozen, for speed only: never change one.

    `timestamp_ms`: when the broker appended it.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class HeldSpans:
    """Spans of partitions, read with a consumer that has the properties BOUNDED. One reading at a time."""

    def __init__(self, consumer: Consumer, *, headers: bool) -> None:
        self._consumer = consumer
        self._headers = headers
        self._turn = 0

    def read(self, following: dict[TopicPartition, int], left: dict[TopicPartition, int]) -> Iterator[list[RawRecord]]:
        """The records from `following` on, up to `left`, in batches; keeps both up to date: what is done leaves `left`.

        Returns early, `left` telling what is missing, when retention was quicker. Raises LogUnavailable, FatalLogError.
        """
        if not left:
            return
        self._turn += 1
        turn = self._turn
        self._consumer.assign([Place(*place, following[place]) for place in left])
        quiet_until_s = time.monotonic() + _SILENCE_S
        try:
            while left:
                batch = self._next()
                if batch:
                    quiet_until_s = time.monotonic() + _SILENCE_S
                elif time.monotonic() > quiet_until_s:
                    place = min(left)
                    raise LogUnavailable(
                        f"{place[0]}[{place[1]}] sent nothing for {_SILENCE_S:.0f} s at {following[place]}"
                    )
                records: list[RawRecord] = []
                taken = self._sort(batch, records, following, left)
                if records:
                    yield records
                if taken:
                    return
        finally:
            if turn == self._turn:  # a reading that was given up may be collected after the next one began
                self._consumer.unassign()

    def _next(self) -> list[Message]:
        first = self._consumer.poll(_POLL_S)
        return [first, *self._consumer.consume(BATCH - 1, 0)] if first is not None else []

    def _sort(
        self,
        batch: list[Message],
        records: list[RawRecord],
        following: dict[TopicPartition, int],
        left: dict[TopicPartition, int],
    ) -> bool:
        """Append to `records` what counts of a batch; returns whether retention took what comes next."""
        headers = self._headers
        taken = False
        for message in batch:
            topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
            place = topic, partition
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._advance(place, offset, following, left)
                else:
                    taken = self._was_taken(error, following, left) or taken
                continue
            until = left.get(place)
            if until is None or offset < following[place]:
                continue
            if offset < until:
                records.append(
                    RawRecord(
                        topic,
                        partition,
                        offset,
                        message.timestamp()[1],
                        message.key(),
                        message.value(),
                        _headers(message) if headers else (),
                    )
                )
            following[place] = offset + 1
            if offset + 1 >= until:
                self._advance(place, offset + 1, following, left)
        return taken

    def _advance(
        self, place: TopicPartition, at: int, following: dict[TopicPartition, int], left: dict[TopicPartition, int]
    ) -> None:
        """All records below `at` were read."""
        if place not in left:
            return
        following[place] = max(at, following[place])
        if following[place] >= left[place]:
            del left[place]
            # Nothing beyond its end is fetched for it.
            self._consumer.incremental_unassign([Place(*place)])

    def _was_taken(self, error: KafkaError, following: Cut, left: Cut) -> bool:
        if not error.fatal() and is_repairable(error):
            return False
        for (topic, partition), at in following.items():
            if (topic, partition) in left and at < bounds(self._consumer, topic, partition, ANSWER_S)[0]:
                return True
        raise FatalLogError(f"reading the log failed: {error.str()}")


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    pairs: list[tuple[str, str | bytes | None]] = list(message.headers() or ())  # type: ignore[arg-type]  # the stubs leave out str values
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)
