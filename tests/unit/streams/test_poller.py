"""What Faust's consumer is promised: epochs, commits while partitions are ours, and an end that is heard of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streams.faust import poller
from streams.faust.poller import Poller
from streams.progress import Offsets, Place
from tests.eventually import eventually
from tests.fakes.broker import MemoryBroker
from tests.fakes.consumer import MemoryConsumer
from tests.unit.topics.reading import GROUP, P0, P1, TOPIC, Noted, at, memory_log
from topics import group_commits
from topics.errors import FatalLogError, LogUnavailable

PLACE = ("conversation-events", 1)


class StaleAdmin:
    """The first of its kind believes in leaders of before the broker's restart; those made later know better."""

    made = 0

    def __init__(self, _: dict[str, str]) -> None:
        StaleAdmin.made += 1
        self._is_stale = StaleAdmin.made == 1

    def list_offsets(self, asked: dict[TopicPartition, Any], request_timeout: float) -> dict[TopicPartition, Any]:
        answers = {}
        for place in asked:
            answer: Future[Any] = Future()
            if self._is_stale:
                answer.set_exception(KafkaException(KafkaError(KafkaError.FENCED_LEADER_EPOCH)))
            else:
                answer.set_result(SimpleNamespace(offset=7))
            answers[place] = answer
        return answers


async def test_a_client_that_knows_old_leaders_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "open_admin", StaleAdmin)
    monkeypatch.setattr(poller, "open_consumer", lambda _: None)
    asked = Poller({}, [], None, Answers())  # type: ignore[arg-type]  # nobody receives here
    with pytest.raises(LogUnavailable, match="FENCED_LEADER_EPOCH"):
        await asked.bounds({PLACE})
    assert await asked.bounds({PLACE}) == {PLACE: (7, 7)}


class Answers:
    def commit(self, *, taken: bool) -> None:
        """Nothing."""


async def nothing(places: set[Place], *, lost: bool) -> None:
    """Done at once."""


@dataclass
class Received:
    """What Faust's consumer gets. `on_revoked` is awaited when partitions go."""

    told: list[str] = field(default_factory=list)
    epoch: int = 0
    offsets: Offsets = field(default_factory=dict)
    batches: list[tuple[int, list[tuple[int, int]]]] = field(default_factory=list)
    on_revoked: Callable[..., Awaitable[None]] = nothing

    async def revoked(self, places: set[Place], *, lost: bool) -> None:
        self.told.append(f"{'lost' if lost else 'revoked'} {sorted(partition for _, partition in places)}")
        await self.on_revoked(places, lost=lost)

    async def assigned(self, epoch: int, offsets: Offsets) -> None:
        self.told.append(f"assigned {sorted(partition for _, partition in offsets)}")
        self.epoch, self.offsets = epoch, offsets

    def rewound(self, epoch: int) -> None:
        self.told.append("rewound")
        self.epoch = epoch

    def batch(self, epoch: int, messages: list[Message]) -> None:
        self.batches.append((epoch, [at(message) for message in messages]))

    def read(self) -> list[tuple[int, int]]:
        """What of it belongs to the epoch that is now."""
        return [each for epoch, batch in self.batches if epoch == self.epoch for each in batch]


@dataclass
class Ground:
    broker: MemoryBroker
    monkeypatch: pytest.MonkeyPatch
    received: Received = field(default_factory=Received)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Poller]:
        def opened(properties: Any) -> MemoryConsumer:
            self.consumer = MemoryConsumer(self.broker, GROUP, properties["on_commit"], eager=True)
            return self.consumer

        self.monkeypatch.setattr(poller, "open_consumer", opened)
        self.poller = Poller({}, [TOPIC], self.received, Answers())
        self.poller.start()
        try:
            yield self.poller
        finally:
            await self.poller.aclose()

    async def all_read(self, records: int) -> None:
        await eventually(lambda: len(self.received.read()) == records)


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.setattr(poller, "POLL_S", 0.001)
    return Ground(memory_log(4), monkeypatch)


EVERYTHING = [(partition, offset) for partition in (0, 1) for offset in range(4)]


async def test_an_assignment_is_told_with_its_commits_and_read_from_there(ground: Ground) -> None:
    async with ground.running() as reading:
        await ground.all_read(8)
        assert ground.received.offsets == {P0: None, P1: None}
        assert await reading.commit({P0: 3})
        assert reading.taken == {P0: 3}
    ground.received = Received()
    async with ground.running():
        await ground.all_read(5)
        assert ground.received.offsets == {P0: 3, P1: None}
        assert sorted(ground.received.read())[0] == (0, 3)


async def test_what_an_older_epoch_read_is_read_again(ground: Ground) -> None:
    async with ground.running() as reading:
        await ground.all_read(8)
        reading.free()
        before = ground.received.epoch
        await reading.rewind(before, {P0: 2, P1: None})
        await eventually(lambda: ground.received.epoch > before)
        await ground.all_read(6)
        assert sorted(ground.received.read()) == [(0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
        await reading.rewind(before, {P0: 0, P1: 0})
        assert await reading.committed({P0}) == {P0: None}
        assert ground.received.told.count("rewound") == ground.received.epoch - before + 1, "what is over stays over"


async def test_what_is_acknowledged_is_committed_before_its_partition_goes(ground: Ground) -> None:
    taken: list[bool] = []

    async def commit(places: set[Place], *, lost: bool) -> None:
        taken.append(await ground.poller.commit({P0: 3, P1: 4}))

    ground.received.on_revoked = commit
    async with ground.running():
        await ground.all_read(8)
        other = Noted(ground.broker, eager=True)
        other.reader.begin()
        await eventually(lambda: "assigned [0]" in ground.received.told)
        assert ground.received.told.count("revoked [0, 1]") == 1
        assert taken == [True] and ground.received.offsets == {P0: 3}
        other.turns(2)
        assert ground.broker.committed(GROUP, P1) == 4
        assert ground.poller.taken == {}, "a new assignment has its own"


async def test_of_what_is_lost_nothing_can_be_committed(ground: Ground) -> None:
    taken: list[bool] = []

    async def commit(places: set[Place], *, lost: bool) -> None:
        taken.append(await ground.poller.commit({P0: 3}))

    ground.received.on_revoked = commit
    async with ground.running():
        await ground.all_read(8)
        ground.broker.leave(GROUP, ground.consumer._id)
        await eventually(lambda: ground.received.told.count("assigned [0, 1]") == 2)
        assert ground.received.told.count("lost [0, 1]") == 1
        assert (taken, ground.broker.committed(GROUP, P0)) == ([False], None)


async def test_a_commit_that_was_refused_is_asked_for_again_unasked(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commits, "AGAIN_S", 0.01)
    async with ground.running() as reading:
        await ground.all_read(8)
        ground.consumer.refuse = KafkaError(KafkaError._TRANSPORT)
        assert not await reading.commit({P0: 2})
        ground.consumer.refuse = None
        await eventually(lambda: reading.taken == {P0: 2})
        assert ground.broker.committed(GROUP, P0) == 2


async def test_a_member_that_was_fenced_ends_and_says_so(ground: Ground) -> None:
    async with ground.running() as reading:
        await ground.all_read(8)
        ground.consumer.refuse = KafkaError(KafkaError.FENCED_INSTANCE_ID)
        assert not await reading.commit({P0: 2})
        with pytest.raises(FatalLogError, match="fenced"):
            await reading.failed()
        assert not await reading.commit({P0: 2})
        with pytest.raises(LogUnavailable, match="has ended"):
            await reading.committed({P0})


async def test_a_stop_does_not_wait_for_partitions_that_go(ground: Ground) -> None:
    async def never(places: set[Place], *, lost: bool) -> None:
        await asyncio.Event().wait()

    ground.received.on_revoked = never
    async with ground.running():
        await ground.all_read(8)
        Noted(ground.broker, eager=True).reader.begin()
        await eventually(lambda: "revoked [0, 1]" in ground.received.told)
    assert ground.consumer.closed


async def test_a_receiver_that_fails_ends_the_reading(ground: Ground) -> None:
    async def fails(places: set[Place], *, lost: bool) -> None:
        raise ValueError("no")

    ground.received.on_revoked = fails
    async with ground.running() as reading:
        await ground.all_read(8)
        Noted(ground.broker, eager=True).reader.begin()
        with pytest.raises(ValueError, match="no"):
            await reading.failed()
