"""A group reader for an event loop: never too far ahead of it, alive while it is busy, never silent when it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from infra.runtime.bridge import NotDone
from tests.eventually import eventually
from tests.fakes.broker import MemoryBroker, Place
from tests.fakes.consumer import MemoryConsumer
from tests.unit.topics.reading import GROUP, MOST, P0, P1, TOPIC, Noted, append, at, memory_log
from topics import loop_reader
from topics.errors import FatalLogError, LogUnavailable
from topics.group_reader import Offsets
from topics.loop_reader import LoopReader

AHEAD = 2


@dataclass
class User:
    """Takes batches up at once, unless it is `busy`. `on_go` is done on the loop when partitions go."""

    broker: MemoryBroker
    eager: bool = False
    busy: bool = False
    batches: list[list[tuple[int, int]]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waited: int = 0
    on_go: Callable[[list[Place]], Any] = lambda places: asyncio.sleep(0)
    within_s: float = 5.0
    late: list[NotDone] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = LoopReader(
            self._open, [TOPIC], self, self, name="test", most=MOST, poll_s=0.001, ahead=AHEAD, waited=self._wait
        )

    def _open(self, on_commit: Any) -> Any:
        self.consumer = MemoryConsumer(self.broker, GROUP, on_commit, eager=self.eager)
        return self.consumer

    def _wait(self) -> None:
        self.waited += 1

    def commit(self, *, taken: bool) -> None:
        """Nothing."""

    @property
    def read(self) -> list[tuple[int, int]]:
        return [each for batch in self.batches for each in batch]

    def on_batch(self, epoch: int, batch: list[Message]) -> None:
        self.epochs.append(epoch)
        self.batches.append([at(message) for message in batch])
        if not self.busy:
            self.reader.free()

    def on_torn(self, batch: list[Message]) -> list[Message]:
        if not self.eager:
            return batch
        self.told.append("torn")
        self.reader.read_from(self.reader.group.committed(self.reader.group.assigned()))
        return []

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        self.told.append(f"assigned {[partition for _, partition in places]}")
        return None

    def on_revoked(self, places: list[Place]) -> None:
        self.told.append(f"revoked {[partition for _, partition in places]}")
        try:
            self.reader.ask(lambda: self.on_go(places), within_s=self.within_s)
        except NotDone as error:
            self.late.append(error)

    def on_lost(self, places: list[Place]) -> None:
        self.told.append(f"lost {[partition for _, partition in places]}")


@asynccontextmanager
async def started(user: User) -> AsyncIterator[User]:
    user.reader.start()
    try:
        yield user
    finally:
        await user.reader.aclose()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_reader, "PATIENCE_S", 0.05)


def everything(records: int) -> list[tuple[int, int]]:
    return [(partition, offset) for partition in (0, 1) for offset in range(records)]


async def test_all_arrives_in_order() -> None:
    async with started(User(memory_log(20))) as user:
        await eventually(lambda: len(user.read) == 40)
        for partition in (0, 1):
            assert [offset for of, offset in user.read if of == partition] == list(range(20))
        assert max(map(len, user.batches)) <= MOST
    assert user.consumer.closed


async def test_a_busy_loop_is_never_more_batches_behind_than_it_may_and_the_member_lives_on() -> None:
    async with started(User(memory_log(20), busy=True)) as user:
        await eventually(lambda: user.consumer.paused == {P0, P1})
        polls = user.consumer.polls
        await eventually(lambda: user.consumer.polls > polls + 3)
        assert len(user.batches) == AHEAD
        assert user.waited == 1
        user.busy = False
        for _ in range(AHEAD):
            user.reader.free()
        await eventually(lambda: len(user.read) == 40)
        assert sorted(user.read) == everything(20), "a pause loses nothing and repeats nothing"


async def test_while_the_loop_takes_nothing_orders_are_done_and_due_commits_made() -> None:
    async with started(User(memory_log(20), busy=True)) as user:
        await eventually(lambda: len(user.batches) == AHEAD)
        user.reader.group.commits.want({P0: 1})
        await eventually(lambda: user.broker.committed(GROUP, P0) == 1)
        assert await user.reader.order(lambda: threading.current_thread().name) == "test"


async def test_what_waits_of_partitions_that_go_is_dropped_and_what_stays_is_not() -> None:
    async with started(User(memory_log(20), busy=True)) as user:
        await eventually(lambda: user.consumer.paused == {P0, P1})
        other = Noted(user.broker)
        other.reader.begin()
        await eventually(lambda: "revoked [1]" in user.told)
        user.busy = False
        for _ in range(AHEAD):
            user.reader.free()
        await eventually(lambda: (0, 19) in user.read)
        assert [offset for of, offset in user.read if of == 0] == list(range(20))
        ahead = {each for batch in user.batches[:AHEAD] for each in batch}
        assert {each for each in user.read if each[0] == 1} <= ahead


async def test_where_all_partitions_move_at_once_nothing_of_an_older_epoch_is_handed_over() -> None:
    async with started(User(memory_log(20), eager=True, busy=True)) as user:
        await eventually(lambda: user.consumer.paused == {P0, P1})
        before = user.reader.group.epoch
        await user.reader.order(lambda: user.reader.read_from({P0: 18, P1: 20}))
        user.busy = False
        for _ in range(AHEAD):
            user.reader.free()
        await eventually(lambda: len(user.batches) == AHEAD + 1)
        assert user.batches[AHEAD] == [(0, 18), (0, 19)]
        assert user.epochs[AHEAD] == before + 1
        assert user.consumer.paused == set()


async def test_a_batch_in_which_partitions_moved_is_read_again() -> None:
    async with started(User(memory_log(20), eager=True)) as user:
        await eventually(lambda: len(user.read) == 40)
        assert user.told[0] == "assigned [0, 1]" and user.told[1:] == ["torn"], "the first one came within a poll"
        assert sorted(user.read) == everything(20)


async def test_partitions_go_after_the_loop_has_had_its_say() -> None:
    user = User(memory_log(20))

    async def wants(places: list[Place]) -> None:
        await asyncio.sleep(0)
        user.reader.group.commits.want(dict.fromkeys(places, 20))

    user.on_go = wants
    async with started(user):
        await eventually(lambda: len(user.read) == 40)
        other = Noted(user.broker)
        other.reader.begin()
        await eventually(lambda: "revoked [1]" in user.told)
        await eventually(lambda: user.broker.committed(GROUP, P1) == 20)
        assert user.broker.committed(GROUP, P0) is None
        assert user.late == []


async def test_a_loop_that_takes_too_long_for_its_say_holds_nothing_up() -> None:
    user = User(memory_log(1), within_s=0.05)

    async def never(places: list[Place]) -> None:
        await asyncio.Event().wait()

    user.on_go = never
    async with started(user):
        await eventually(lambda: len(user.read) == 2)
        other = Noted(user.broker)
        other.reader.begin()
        await eventually(lambda: bool(user.late))
        await eventually(lambda: len(asyncio.all_tasks()) == 1)
        append(user.broker, P0)
        await eventually(lambda: (0, 1) in user.read)


async def test_lost_partitions_are_told_and_come_again() -> None:
    async with started(User(memory_log(2))) as user:
        await eventually(lambda: len(user.read) == 4)
        user.broker.leave(GROUP, user.consumer._id)
        await eventually(lambda: user.told == ["assigned [0, 1]", "lost [0, 1]", "assigned [0, 1]"])
        await eventually(lambda: len(user.read) == 8)


async def test_what_ends_the_thread_is_told_and_later_orders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User(memory_log())

    def broken(wait_s: float) -> None:
        raise FatalLogError("beyond repair")

    monkeypatch.setattr(user.consumer, "poll", broken)
    async with started(user):
        for _ in range(2):
            with pytest.raises(FatalLogError, match="beyond repair"):
                await user.reader.failed()
        await eventually(lambda: user.consumer.closed)
        with pytest.raises(LogUnavailable, match="has ended"):
            await user.reader.order(lambda: 1)


async def test_an_order_that_fails_is_the_askers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(User(memory_log(1))) as user:

        def refused() -> None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

        with pytest.raises(LogUnavailable, match="did not answer"):
            await user.reader.order(refused)
        await eventually(lambda: len(user.read) == 2)
        monkeypatch.setattr(loop_reader, "ANSWER_S", 0.05)
        begun, over = threading.Event(), threading.Event()

        def busy() -> None:
            begun.set()
            over.wait(60)

        user.reader.group.orders.add(busy)
        assert await asyncio.to_thread(begun.wait, 60)
        try:
            with pytest.raises(LogUnavailable, match="did not answer"):
                await user.reader.order(lambda: 1)
        finally:
            over.set()


async def test_a_stop_does_not_wait_for_a_loop_that_takes_nothing() -> None:
    async with started(User(memory_log(20), busy=True)) as user:
        await eventually(lambda: len(user.batches) == AHEAD)
        user.reader.group.commits.want({P0: 1})
    assert user.consumer.closed and len(user.batches) == AHEAD
    assert user.broker.committed(GROUP, P0) == 1
