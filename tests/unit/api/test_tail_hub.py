"""The fan-out: nobody misses a record, joins late to anything else, or decodes what nobody reads."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import api.tail_hub
from api.feed import Feed
from api.sources import text_of
from api.tail_hub import TailHub
from schemas.envelope import Position
from tests.unit.api.memory_log import TOPICS, Attempt, MemoryLog, MemoryRecord
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import LogUnavailable
from topics.generation_fold import GenerationFold

ARGS = (TURN.generation_id, TURN.conversation_id, TURN.user_id)


def hub_on(log: MemoryLog) -> TailHub:
    hub = TailHub(TOPICS, log)
    log.tail(TOKEN_CHUNKS, hub.on_batch)
    return hub


class Counter:
    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


async def test_one_feed_serves_all_readers_of_a_generation() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    one, other = hub.open(*ARGS), hub.open(*ARGS)
    assert one is other
    Attempt(log, TURN).start().chunk("a").end()
    assert one.ending is not None
    assert text_of(one) == "a"
    hub.close(one)
    assert len(hub) == 1
    hub.close(other)
    assert len(hub) == 0


async def test_conversations_without_readers_are_passed_over_undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    hub_on(log)
    monkeypatch.setattr(api.tail_hub, "decode", lambda value: pytest.fail("decoded"))
    Attempt(log, TURN).start().chunk("a").end()


async def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    feed = hub.open(*ARGS)
    attempt = Attempt(log, TURN).start().chunk("a")
    hub.on_batch([MemoryRecord((TOKEN_CHUNKS, 0, 99), TURN.conversation_id.encode(), b"\0garbage")])
    attempt.chunk("b")
    assert text_of(feed) == "ab"
    assert hub.undecodable == 1


async def test_readers_are_woken_once_a_batch() -> None:
    log = MemoryLog()
    hub = hub_on(log)
    counter = Counter()
    feed = hub.open(*ARGS)
    feed.listen(counter)
    log.paused = True
    Attempt(log, TURN).start().chunk("a").chunk("b")
    hub.on_batch([record for records in log.partitions.values() for record in records])
    assert counter.woken == 1
    assert len(feed.pieces) == 2


@given(st.lists(st.text("ab\U0001f469", max_size=3), max_size=8), st.data())
def test_a_late_joiner_has_what_the_first_reader_has(deltas: list[str], data: st.DataObject) -> None:
    joins_at = data.draw(st.integers(0, len(deltas)))

    async def run() -> None:
        log = MemoryLog()
        hub = hub_on(log)
        attempt = Attempt(log, TURN).start()
        for delta in deltas[:joins_at]:
            attempt.chunk(delta)
        late = hub.open(*ARGS)
        await hub.refill(late, TURN.tail)
        for delta in deltas[joins_at:]:
            attempt.chunk(delta)
        attempt.end()
        assert late.ending is not None
        assert len(late.pieces) == len(deltas)
        assert text_of(late) == "".join(deltas)

    asyncio.run(run())


class SlowLog(MemoryLog):
    """Looking back takes until `go`; meanwhile records come in."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.scans = 0
        self.fails = False

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        self.scans += 1
        await self.go.wait()
        if self.fails:
            raise LogUnavailable("away")
        return await super().fold(conversation_id, generation_id, tail, stop)


async def test_records_that_come_while_the_log_is_read_are_kept_in_order() -> None:
    log = SlowLog()
    hub = hub_on(log)
    attempt = Attempt(log, TURN).start().chunk("a")
    feed, counter = hub.open(*ARGS), Counter()
    feed.listen(counter)
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(hub.refill(feed, TURN.tail)) for _ in range(2)]
        await asyncio.sleep(0)
        attempt.chunk("b").chunk("c")
        assert (feed.pieces, counter.woken) == ([], 0)
        log.go.set()
    assert all(task.done() for task in both)
    assert log.scans == 1
    assert text_of(feed) == "abc"
    assert counter.woken == 1


async def test_a_look_back_that_was_given_up_is_taken_up_by_the_next() -> None:
    log = SlowLog()
    hub = hub_on(log)
    attempt = Attempt(log, TURN).start().chunk("a")
    feed = hub.open(*ARGS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await hub.refill(feed, TURN.tail)
    attempt.chunk("b")
    log.go.set()
    await hub.refill(feed, TURN.tail)
    attempt.chunk("c")
    assert text_of(feed) == "abc"


async def test_readers_are_told_when_the_beginning_cannot_be_read() -> None:
    log = SlowLog()
    log.fails = True
    log.go.set()
    hub = hub_on(log)
    Attempt(log, TURN).start()
    feed, counter = hub.open(*ARGS), Counter()
    feed.listen(counter)
    with pytest.raises(LogUnavailable):
        await hub.refill(feed, TURN.tail)
    assert isinstance(feed.lost, LogUnavailable)
    assert counter.woken == 1


async def test_a_zombie_never_shows() -> None:
    log = MemoryLog()
    feed: Feed = hub_on(log).open(*ARGS)
    first = Attempt(log, TURN).start().chunk("a")
    second = Attempt(log, TURN, "a2", 2, 1, "a").start()
    first.chunk("zombie")
    second.chunk("b")
    first.end()
    second.end()
    assert text_of(feed) == "ab"
    assert feed.ending is not None


async def test_feeds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.tail_hub, "MAX_FEEDS", 1)
    hub = hub_on(MemoryLog())
    hub.open(*ARGS)
    with pytest.raises(LogUnavailable):
        hub.open("another", "conversation", "user")
