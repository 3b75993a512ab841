"""The fan-out: nobody misses a record, joins late to anything else, or decodes what nobody reads."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import api.streaming.feed
import api.streaming.tail_hub
from api.http.errors import Overloaded
from api.streaming.feed import Feed
from api.streaming.sources import text_of
from schemas.envelope import Position
from tests.unit.api.hubs import ARGS, Counter, KnownPartitions, SlowLog, hub_on
from tests.unit.api.memory_log import Attempt, MemoryLog, MemoryRecord
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import LogUnavailable


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
    monkeypatch.setattr(TOKEN_CHUNKS, "decode", lambda value: pytest.fail("decoded"))
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


async def test_a_tail_in_a_partition_that_is_not_read_here_keeps_nobody_waiting() -> None:
    log = KnownPartitions()
    hub = hub_on(log)
    Attempt(log, TURN).start()
    feed = hub.open(*ARGS)
    for _ in range(2):
        async with asyncio.timeout(5):
            with pytest.raises(LogUnavailable):
                await hub.refill(feed, Position(0, 7, 0))
    assert isinstance(feed.lost, LogUnavailable)


async def test_a_zombie_never_shows() -> None:
    log = MemoryLog()
    feed: Feed = hub_on(log).open(*ARGS)
    first = Attempt(log, TURN).start().chunk("a")
    second = Attempt(log, TURN, "a2", 2, 1, list(first.chunks)).start()
    first.chunk("zombie")
    second.chunk("b")
    first.end()
    second.end()
    assert text_of(feed) == "ab"
    assert feed.ending is not None


async def test_feeds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.streaming.tail_hub, "MAX_FEEDS", 1)
    hub = hub_on(MemoryLog())
    hub.open(*ARGS)
    with pytest.raises(Overloaded) as full:
        hub.open("another", "conversation", "user")
    assert (full.value.status, full.value.code) == (503, "overloaded")
    assert "1 answers" in full.value.message and "not reachable" not in full.value.message
    assert int(full.value.headers["Retry-After"]) > 0


async def test_looks_back_are_bounded_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.streaming.tail_hub, "SCAN_TIMEOUT_S", 0.02)
    monkeypatch.setattr(api.streaming.tail_hub, "MAX_SCANS", 1)
    log = SlowLog()
    hub = hub_on(log)
    Attempt(log, TURN).start()
    one, other = hub.open(*ARGS), hub.open("another", TURN.conversation_id, TURN.user_id)
    Attempt(log, TURN).start()
    results = await asyncio.gather(hub.refill(one, TURN.tail), hub.refill(other, TURN.tail), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["LogUnavailable", "Overloaded"]
    assert {type(one.lost), type(other.lost)} == {LogUnavailable, Overloaded}


async def test_more_than_can_be_held_back_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.streaming.feed, "MAX_HELD", 2)
    log = SlowLog()
    hub = hub_on(log)
    attempt = Attempt(log, TURN).start()
    feed = hub.open(*ARGS)
    async with asyncio.TaskGroup() as tasks:
        filling = tasks.create_task(hub.refill(feed, TURN.tail))
        await asyncio.sleep(0)
        attempt.chunk("a").chunk("b").chunk("c")
        log.go.set()
    await filling
    assert isinstance(feed.lost, Overloaded)


async def test_a_feed_that_was_lost_is_taken_up_by_the_next() -> None:
    log = SlowLog()
    log.fails = True
    log.go.set()
    hub = hub_on(log)
    Attempt(log, TURN).start().chunk("a")
    feed = hub.open(*ARGS)
    with pytest.raises(LogUnavailable):
        await hub.refill(feed, TURN.tail)
    log.fails = False
    await hub.refill(feed, TURN.tail)
    assert (feed.lost, text_of(feed)) == (None, "a")
