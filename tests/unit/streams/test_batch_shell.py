"""What a batch shell promises its work: an order, commits of what is done alone, and signs of life on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from infra.runtime.metrics import ConsumerMetrics
from schemas.codec import NewerRecord
from streams import batch_shell
from streams.batch_shell import BREATH_S, COMMIT_EVERY_S, BatchShell
from tests.fakes.broker import MemoryMessage
from topics.catalogue import USAGE_RECORDS
from topics.errors import FatalLogError, TooMuchPoison


class Sink:
    """Notes what it is asked, and is done with a record once it was flushed or `done` says so."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.next: dict[int, int] = {}
        self.raises: dict[int, Exception] = {}
        self.on_take: Callable[[], None] = lambda: None

    def take(self, message: Any) -> None:
        error = self.raises.get(message.offset())
        if error is not None:
            raise error
        self.told.append(f"take {message.partition()}@{message.offset()}")
        self.next[message.partition()] = message.offset() + 1
        self.on_take()

    def settle(self) -> None:
        self.told.append("settle")

    def look(self) -> None:
        self.told.append("look")

    def flush(self) -> None:
        self.told.append("flush")

    def committable(self) -> dict[int, int]:
        return self.next

    def forget(self, partitions: Collection[int]) -> None:
        self.told.append(f"forget {sorted(partitions)}")
        for partition in partitions:
            del self.next[partition]

    def before_commit(self) -> None:
        self.told.append("commit")

    def after_commit(self) -> None:
        """Nothing."""


class Consumer:
    """Takes every commit; notes each."""

    def __init__(self, on_commit: Callable[[KafkaError | None, list[TopicPartition]], None]) -> None:
        self._on_commit = on_commit
        self.commits: list[dict[int, int]] = []
        self.batches: list[list[MemoryMessage]] = []
        self.closed = False
        self.told: dict[str, Callable[[Any, list[TopicPartition]], None]] = {}

    def subscribe(self, topics: list[str], **told: Callable[[Any, list[TopicPartition]], None]) -> None:
        assert topics == [USAGE_RECORDS]
        self.told = told

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.commits.append({place.partition: place.offset for place in offsets})
        self._on_commit(None, offsets)

    def get_watermark_offsets(
        self, place: TopicPartition, timeout: float = 0, *, cached: bool = False
    ) -> tuple[int, int]:
        return 0, 100

    def assignment(self) -> list[TopicPartition]:
        return places(0)

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [TopicPartition(place.topic, place.partition, 6) for place in asked]

    def close(self) -> None:
        self.closed = True


class Sign:
    def __init__(self) -> None:
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1


class Ground:
    def __init__(self, clock: list[float]) -> None:
        self.clock = clock
        self.sink = Sink()
        self.shell = BatchShell(self.sink, {}, USAGE_RECORDS, "sink", None, ConsumerMetrics("test.sink"))
        self.sign = self.shell.sign = Sign()  # type: ignore[assignment]  # it has what a shell asks of one
        self.shell.reader.begin()

    @property
    def consumer(self) -> Consumer:
        return self.shell.reader.consumer  # type: ignore[return-value]  # the fake that it was given

    def handle(self, *places: tuple[int, int]) -> None:
        messages = [MemoryMessage((USAGE_RECORDS, partition, offset), b"k", b"v", 1) for partition, offset in places]
        self.shell.handle(messages)  # type: ignore[arg-type]  # they have what it reads of one


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Ground:
    clock = [100.0]
    monkeypatch.setattr(batch_shell, "monotonic_s", lambda: clock[0])
    monkeypatch.setattr(batch_shell, "group_consumer", lambda *_, on_commit, **__: Consumer(on_commit))
    return Ground(clock)


def places(*partitions: int) -> list[TopicPartition]:
    return [TopicPartition(USAGE_RECORDS, partition) for partition in partitions]


def test_a_batch_is_taken_settled_and_committed_when_it_is_time(ground: Ground) -> None:
    ground.handle((0, 5), (1, 7))
    assert ground.sink.told == ["take 0@5", "look", "take 1@7", "settle", "look"]
    assert ground.consumer.commits == []
    ground.clock[0] += COMMIT_EVERY_S
    ground.handle()
    assert ground.consumer.commits == [{0: 6, 1: 8}]
    ground.clock[0] += COMMIT_EVERY_S
    ground.handle()
    assert ground.consumer.commits == [{0: 6, 1: 8}], "what is committed is not committed again"


def test_a_long_batch_is_committed_and_shows_life_on_the_way(ground: Ground) -> None:
    ground.consumer.told["on_assign"](None, places(0))

    def later() -> None:
        ground.clock[0] += BREATH_S

    ground.sink.on_take = later
    ground.handle(*((0, offset) for offset in range(8)))
    assert ground.sign.beats >= 8
    assert ground.consumer.commits == [{0: 2}, {0: 4}, {0: 6}, {0: 8}]


def test_who_is_no_member_yet_shows_no_life(ground: Ground) -> None:
    ground.handle((0, 1))
    assert ground.sign.beats == 0


@pytest.mark.parametrize("error", [NewerRecord(4711), TooMuchPoison("a hundred")])
def test_what_stands_before_the_record_that_ends_it_is_done(ground: Ground, error: Exception) -> None:
    ground.sink.raises[6] = error
    with pytest.raises(type(error)):
        ground.handle((0, 5), (0, 6), (0, 7))
    assert ground.sink.told == ["take 0@5", "look", "settle"]
    ground.shell.on_failed(ValueError("a bug"))
    assert ground.consumer.commits == []
    ground.shell.on_failed(error)
    assert ground.sink.told[3:] == ["flush", "look", "flush", "commit"]
    assert ground.consumer.commits == [{0: 6}]


def test_partitions_that_go_are_flushed_and_committed_alone(ground: Ground) -> None:
    ground.handle((0, 5), (1, 7))
    del ground.sink.told[:]
    ground.consumer.told["on_revoke"](None, places(1))
    assert ground.sink.told == ["flush", "commit", "forget [1]"]
    assert ground.consumer.commits == [{1: 8}]
    ground.clock[0] += COMMIT_EVERY_S
    ground.handle()
    assert ground.consumer.commits == [{1: 8}, {0: 6}]


def test_of_partitions_that_are_lost_nothing_is_committed(ground: Ground) -> None:
    ground.handle((0, 5))
    ground.consumer.told["on_lost"](None, places(0))
    ground.clock[0] += COMMIT_EVERY_S
    ground.handle()
    ground.shell.end()
    assert ground.consumer.commits == []


def test_a_member_that_gets_nothing_although_there_is_more_ends(ground: Ground) -> None:
    ground.handle((0, 5))
    ground.consumer.told["on_assign"](None, places(0))
    with pytest.raises(FatalLogError, match="nothing comes"):
        for _ in range(1000):
            ground.clock[0] += 0.2
            ground.shell.on_polled(1, [])
