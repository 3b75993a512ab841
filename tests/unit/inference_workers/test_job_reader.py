"""What a worker is told of its partitions, and how long a hand-over may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from inference_workers import job_reader
from inference_workers.job_reader import EVERY_JOB, HAND_OVER_S, IN_TOUCH_S, JobReader, Partition
from tests.eventually import eventually
from tests.fakes.broker import MemoryBroker
from tests.fakes.consumer import MemoryConsumer
from tests.unit.topics.reading import GROUP, P0, P1, TOPIC, Noted, append, at, memory_log
from topics.errors import FatalLogError


async def nothing(partitions: list[Partition]) -> Mapping[Partition, int]:
    return {}


@dataclass
class Handler:
    """Notes what it is told. `hand_over` says what to commit when partitions go."""

    ends: dict[Partition, int] = field(default_factory=dict)
    jobs: list[tuple[int, int]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    hand_over: Callable[[list[Partition]], Awaitable[Mapping[Partition, int]]] = nothing

    def partitions_assigned(self, ends: Mapping[Partition, int]) -> None:
        self.told.append(f"assigned {[partition for _, partition in ends]}")
        self.ends.update(ends)

    def jobs_arrived(self, messages: list[Message]) -> None:
        self.jobs += map(at, messages)

    async def partitions_revoked(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        self.told.append(f"revoked {[partition for _, partition in partitions]}")
        return await self.hand_over(partitions)

    def partitions_lost(self, partitions: list[Partition]) -> None:
        self.told.append(f"lost {[partition for _, partition in partitions]}")


class Ground:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broker: MemoryBroker = memory_log(4)
        self.handler = Handler()
        self.answers = True
        monkeypatch.setattr(job_reader, "group_consumer", self._member)
        monkeypatch.setattr(job_reader, "POLL_S", 0.001)

    def _member(self, _: object, group: str, instance: str | None, *, on_commit: Any) -> MemoryConsumer:
        ground = self

        class Asked(MemoryConsumer):
            def get_watermark_offsets(
                self, place: TopicPartition, timeout: float = 0, cached: bool = False
            ) -> tuple[int, int]:
                if not ground.answers:
                    raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
                return super().get_watermark_offsets(place, timeout, cached)

        self.consumer = Asked(self.broker, group, on_commit, instance=instance)
        return self.consumer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[JobReader]:
        reader = JobReader({}, [TOPIC], GROUP, None, self.handler)
        reader.start()
        try:
            await reader.assigned()
            await eventually(lambda: len(self.handler.jobs) == 8)
            yield reader
        finally:
            await reader.aclose()

    def another(self) -> Noted:
        """A second member, which has not polled yet."""
        other = Noted(self.broker)
        other.reader.begin()
        return other


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Ground:
    return Ground(monkeypatch)


async def test_partitions_come_with_their_ends_before_their_jobs(ground: Ground) -> None:
    async with ground.running():
        assert ground.handler.ends == {P0: 4, P1: 4}
        assert [offset for partition, offset in ground.handler.jobs if partition == 1] == [0, 1, 2, 3]


async def test_where_the_end_is_not_known_every_job_may_have_been_delivered_before(ground: Ground) -> None:
    ground.answers = False
    async with ground.running():
        assert ground.handler.ends == {P0: EVERY_JOB, P1: EVERY_JOB}


async def test_what_is_handed_over_is_committed_before_its_partition_goes(ground: Ground) -> None:
    async def hand_over(partitions: list[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, 3)

    ground.handler.hand_over = hand_over
    async with ground.running() as reader:
        other = ground.another()
        await eventually(lambda: ground.handler.told == ["assigned [0, 1]", "revoked [1]"])
        await eventually(lambda: ground.broker.committed(GROUP, P1) == 3)
        await eventually(other.has_read)
        assert other.read == [(1, 3)]
        reader.commit({P0: 2, P1: 1})
        await eventually(lambda: ground.broker.committed(GROUP, P0) == 2)
        assert ground.broker.committed(GROUP, P1) == 3, "what went is the other's"


async def test_a_hand_over_that_takes_too_long_is_given_up(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HAND_OVER_S == 1.0
    late: list[int] = []
    monkeypatch.setattr(job_reader, "HAND_OVER_S", 0.05)
    monkeypatch.setattr(job_reader, "HAND_OVER_LATE", lambda: late.append(1))

    async def never(partitions: list[Partition]) -> Mapping[Partition, int]:
        await asyncio.Event().wait()
        return {}

    ground.handler.hand_over = never
    async with ground.running():
        other = ground.another()
        await eventually(other.has_read)
        assert late == [1] and other.read[0] == (1, 0)
        append(ground.broker, P0)
        await eventually(lambda: (0, 4) in ground.handler.jobs)


async def test_what_is_lost_is_told_and_not_committed(ground: Ground) -> None:
    async with ground.running() as reader:
        ground.broker.leave(GROUP, ground.consumer._id)
        await eventually(lambda: "lost [0, 1]" in ground.handler.told)
        await eventually(lambda: len(ground.handler.jobs) == 16)
        assert ground.broker.committed(GROUP, P0) is None
        reader.commit({P0: 1})
        await eventually(lambda: ground.broker.committed(GROUP, P0) == 1)


async def test_a_pause_stops_the_jobs_and_not_the_polls(ground: Ground) -> None:
    async with ground.running() as reader:
        reader.pause(True, False)
        await eventually(lambda: ground.consumer.paused == {P0, P1})
        append(ground.broker, P0)
        polls = ground.consumer.polls
        await eventually(lambda: ground.consumer.polls > polls + 3)
        assert reader.in_touch and len(ground.handler.jobs) == 8
        reader.pause(False, False)
        await eventually(lambda: len(ground.handler.jobs) == 9)


async def test_a_pause_of_the_overflow_lanes_stops_no_other_jobs(ground: Ground) -> None:
    async with ground.running() as reader:
        reader._overflow = frozenset({TOPIC})
        reader.pause(False, True)
        await eventually(lambda: ground.consumer.paused == {P0, P1})
        reader._overflow = frozenset({f"{TOPIC}.overflow"})
        reader.pause(False, True)
        append(ground.broker, P0)
        await eventually(lambda: ground.consumer.paused == set() and len(ground.handler.jobs) == 9)


async def test_who_has_not_polled_for_a_session_may_have_been_replaced(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground.running() as reader:
        now_s = reader._reader.group.polled_at_s
        monkeypatch.setattr(job_reader, "boot_clock_s", lambda: now_s + IN_TOUCH_S + 3600)
        assert not reader.in_touch


async def test_what_ends_the_reading_is_told(ground: Ground) -> None:
    async with ground.running() as reader:
        ground.consumer.refuse = KafkaError(KafkaError.FENCED_INSTANCE_ID)
        reader.commit({P0: 1})
        with pytest.raises(FatalLogError, match="fenced"):
            await reader.failed()
