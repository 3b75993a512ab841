"""A recorder over a partition in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.generation import AttemptStarted, GenerationEnded, GenerationRecord
from schemas.outcome import Outcome
from schemas.registry import registered_schemas
from streams.recorder.shell import Recorder
from tests.fakes.broker import MemoryMessage
from tests.generation_logs import chunk, ended, started
from topics.catalogue import DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.errors import OutOfRange

NEWER = b"\0" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"whatever"
KEY = b"conversation"


class FakeConsumer:
    """A group consumer that owns partition 0 and notes what is committed. `refuse`: the broker takes no commit now."""

    def __init__(self, on_commit: Callable[[KafkaError | None, list[TopicPartition]], None]) -> None:
        self._on_commit = on_commit
        self.refuse = False
        self.committed: list[int] = []
        self.closed = False

    def subscribe(self, topics: list[str], **_: Any) -> None:
        """Assigned by the tests."""

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> None:
        if self.refuse:
            self._on_commit(KafkaError(KafkaError._TRANSPORT), offsets)
            return
        self.committed.append(offsets[0].offset)
        self._on_commit(None, offsets)

    def get_watermark_offsets(self, place: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, 10

    def close(self) -> None:
        self.closed = True


class FakeProducer:
    """Acknowledges at `poll`. `refuse`: the KafkaError code that a record gets instead, raised or delivered."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.refuse: Callable[[str, Any], int | None] = lambda topic, record: None
        self.raise_refusals = False
        self._reports: list[Callable[[], None]] = []

    def produce(self, topic: str, value: bytes, key: bytes, partition: int, *, on_delivery: Any, headers: Any) -> None:
        record = decode(value)
        code = self.refuse(topic, record)
        if code is None:
            self.sent.append((topic, record))
            self._reports.append(lambda: on_delivery(None, None))
        elif self.raise_refusals:
            raise KafkaException(KafkaError(code))
        else:
            self._reports.append(lambda: on_delivery(KafkaError(code), None))

    def poll(self, wait_s: float) -> None:
        reports, self._reports = self._reports, []
        for report in reports:
            report()

    def flush(self, wait_s: float) -> None:
        self.poll(0)


class Sign:
    """A life sign that counts."""

    def __init__(self) -> None:
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1


class Ground:
    """A recorder over a partition in memory."""

    def __init__(self, recorder: Recorder, clock: list[float]) -> None:
        self.recorder = recorder
        self.clock = clock
        self.log: list[MemoryMessage] = []
        self.scans = 0
        self.set_aside: set[int] = set()
        self.low = 0
        self.sign = Sign()
        recorder.shell.sign = self.sign  # type: ignore[assignment]  # it has what a shell asks of one
        recorder.shell.on_assigned([])

    @property
    def consumer(self) -> FakeConsumer:
        return self.recorder.shell.reader.consumer  # type: ignore[return-value]  # the fake that it was given

    @property
    def producer(self) -> FakeProducer:
        return self.recorder._producer  # type: ignore[return-value]  # the fake that it was given

    def append(self, *values: GenerationRecord | bytes, key: bytes = KEY) -> list[MemoryMessage]:
        """Append records, or bytes as they are."""
        messages = [
            MemoryMessage(
                (TOKEN_CHUNKS, 0, len(self.log) + at), key, each if isinstance(each, bytes) else encode(each), 5_000_000
            )
            for at, each in enumerate(values)
        ]
        self.log += messages
        return messages

    def take(self, *values: GenerationRecord | bytes) -> None:
        self.handle(self.append(*values))

    def handle(self, messages: list[MemoryMessage]) -> None:
        self.recorder.shell.handle(messages)  # type: ignore[arg-type]  # they have what it reads of one

    def scan(self, _: Any, topic: str, partition: int, start: int, stop: int, *, alive: Any) -> Iterator[MemoryMessage]:
        self.scans += 1
        if start < self.low:
            raise OutOfRange(topic, partition, start, self.low, len(self.log))
        for message in self.log[start:stop]:
            alive()
            yield message

    @property
    def outcomes(self) -> list[Outcome]:
        return [record for topic, record in self.producer.sent if topic == GENERATION_OUTCOMES]

    @property
    def letters(self) -> list[DeadLetter]:
        return [record for topic, record in self.producer.sent if topic == DEAD_LETTERS]

    def committed(self) -> int:
        """How far it commits when it is told to end."""
        self.recorder.shell.end()
        found = self.recorder.shell.reader.commits.committed
        return found[TOKEN_CHUNKS, 0]


def of(generation: str, records: Sequence[GenerationRecord]) -> list[GenerationRecord]:
    """The same records, of another generation."""
    return [
        replace(record, turn=replace(record.turn, generation_id=generation))
        if isinstance(record, AttemptStarted | GenerationEnded)
        else replace(record, generation_id=generation)
        for record in records
    ]


WHOLE: list[GenerationRecord] = [started("a"), chunk("a", 1), ended("a", 1, "<a1>")]
