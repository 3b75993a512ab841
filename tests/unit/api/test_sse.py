"""A stream and its client: heartbeats, slow and leaving clients, and heads that wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.http.errors import ApiError, of_failure
from api.http.metrics import DROPPED_READERS
from api.openai.shapes import ChoiceFrames
from api.streaming import sse
from api.streaming.frames import KEEP_ALIVE, EventFrames
from api.streaming.readers import MAX_REVOKED, Credential, Readers
from api.streaming.sse import EventStream
from api.streaming.tail_hub import TailHub
from infra.clock import monotonic_s
from schemas.generation import Failure
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS, Attempt, MemoryLog
from tests.unit.api.sse_text import events_of
from tests.unit.api.streams import Client
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import LogUnavailable

KEY = "0" * 64
READS = Credential(KEY)


class Stage:
    """A generation, its stream and one client."""

    def __init__(self, **options: Any) -> None:
        self.log = MemoryLog()
        hub = TailHub(TOPICS, self.log)
        self.log.tail(TOKEN_CHUNKS, hub.on_batch)
        self.feed = hub.open(TURN.generation_id, TURN.conversation_id, TURN.user_id)
        self.attempt = Attempt(self.log, TURN)
        self.readers = Readers(heartbeat_s=15)
        self.released = 0
        frames = options.pop("frames", EventFrames())
        self.response = EventStream(self.feed, frames, self.readers, READS, self._release, **options)
        self.client = Client()

    def _release(self) -> None:
        self.released += 1

    @property
    def events(self) -> list[str]:
        return [event.event for event in events_of(self.client.body)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_stream_ends_once_with_its_terminal() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        await settle()
        assert not stage.client.begun
        stage.attempt.start()
        await settle()
        assert stage.client.status == 200
        assert stage.events == ["message_start"]
        stage.attempt.chunk("a")
        await settle()
        stage.attempt.chunk("b").end()
    assert stage.events == ["message_start", "content_chunk", "content_chunk", "message_end"]
    assert stage.client.complete
    assert stage.client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (stage.released, len(stage.readers), stage.feed.watched) == (1, 0, 0)


async def test_frames_that_wait_leave_in_one_write() -> None:
    stage = Stage()
    stage.attempt.start().chunk("a").chunk("b").chunk("c").end()
    await stage.client.take(stage.response)
    assert len(stage.client.writes) == 1


async def test_a_long_catch_up_leaves_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAMES", 10)
    stage = Stage()
    stage.attempt.start()
    for _ in range(35):
        stage.attempt.chunk("x")
    stage.attempt.end()
    await stage.client.take(stage.response)
    assert [len(events_of(write)) for write in stage.client.writes] == [11, 10, 10, 6]
    assert [event.id for event in events_of(stage.client.body)] == [str(seq) for seq in range(37)]


@pytest.mark.parametrize("after", range(-1, 4))
async def test_a_stream_is_taken_up_after_any_frame(after: int) -> None:
    stage = Stage(after=after)
    stage.attempt.start().chunk("a").chunk("b").end()
    await stage.client.take(stage.response)
    assert [event.id for event in events_of(stage.client.body)] == [str(seq) for seq in range(after + 1, 4)]
    assert stage.client.complete


async def test_a_quiet_stream_is_kept_alive() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        await settle()
        stage.readers.tick(monotonic_s() + 14)
        await settle()
        assert stage.client.writes == []
        stage.readers.tick(monotonic_s() + 16)
        await settle()
        assert (stage.client.status, stage.client.writes) == (200, [KEEP_ALIVE])
        stage.attempt.start().end()
    assert stage.events == ["message_start", "message_end"]


async def test_heartbeats_come_by_themselves() -> None:
    stage = Stage()
    readers = Readers(heartbeat_s=0.02)
    response = EventStream(stage.feed, EventFrames(), readers, READS, lambda: None)
    async with asyncio.TaskGroup() as tasks:
        ticks = tasks.create_task(readers.run_ticks())
        tasks.create_task(stage.client.take(response))
        await eventually(lambda: len(stage.client.writes) >= 2)
        stage.attempt.start().end()
        ticks.cancel()
    assert set(stage.client.writes[:2]) == {KEEP_ALIVE}


async def test_a_client_that_left_is_forgotten_and_the_generation_is_not() -> None:
    left: list[str] = []

    async def on_leave() -> None:
        left.append("left")

    stage = Stage(on_leave=on_leave)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        stage.attempt.start().chunk("a")
        await settle()
        stage.client.leave()
    assert (left, stage.released, len(stage.readers)) == (["left"], 1, 0)
    assert not stage.client.complete
    assert stage.feed.ending is None


async def test_a_client_that_left_at_the_end_has_left_nothing() -> None:
    async def on_leave() -> None:
        pytest.fail("it had everything")

    stage = Stage(on_leave=on_leave)
    stage.attempt.start().end()
    stage.client.leave()
    await stage.client.take(stage.response)


async def test_a_slow_client_gets_everything_and_holds_nothing_back() -> None:
    stage, quick = Stage(), Client()
    other = EventStream(stage.feed, EventFrames(), stage.readers, READS, lambda: None)
    stage.client.reading.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        tasks.create_task(quick.take(other))
        stage.attempt.start()
        for _ in range(50):
            stage.attempt.chunk("x")
            await settle()
        stage.attempt.end()
        await settle()
        assert quick.complete
        assert stage.client.body == b""
        stage.client.reading.set()
    assert stage.client.body == quick.body
    assert len(stage.client.writes) <= 3


async def test_a_client_that_reads_nothing_is_dropped() -> None:
    before = DROPPED_READERS.labels("stalled")._value.get()
    stage = Stage()
    stage.client.reading.clear()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(stage.client.take(stage.response))
        stage.attempt.start()
        await settle()
        stage.readers.tick(monotonic_s() + 59)
        await settle()
        assert not task.done()
        stage.readers.tick(monotonic_s() + 61)
    assert (stage.released, len(stage.readers)) == (1, 0)
    assert not stage.client.complete
    assert DROPPED_READERS.labels("stalled")._value.get() == before + 1


async def test_nobody_reads_for_ever() -> None:
    stage = Stage()
    stage.readers = Readers(heartbeat_s=15, most_s=100)
    response = EventStream(stage.feed, EventFrames(), stage.readers, READS, lambda: None)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(stage.client.take(response))
        stage.attempt.start()
        await settle()
        stage.readers.tick(monotonic_s() + 99)
        await settle()
        assert not task.done()
        stage.readers.tick(monotonic_s() + 101)
    assert not stage.client.complete


async def test_the_streams_of_a_revoked_key_end() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        stage.attempt.start()
        await settle()
        stage.readers.revoke("1" * 64)
        await settle()
        assert stage.released == 0
        stage.readers.revoke(KEY)
    assert stage.released == 1
    assert not stage.client.complete


async def test_a_key_that_is_revoked_before_its_stream_begins_has_none() -> None:
    stage = Stage()
    stage.attempt.start().chunk("secret")
    stage.readers.revoke(KEY)
    async with asyncio.timeout(5):
        await stage.client.take(stage.response)
    assert stage.released == 1
    assert stage.events == []
    assert not stage.client.complete


async def test_no_more_revoked_keys_are_remembered_than_a_process_can_hold() -> None:
    readers = Readers(heartbeat_s=15)
    for number in range(MAX_REVOKED + 1):
        readers.revoke(f"{number:064}")
    assert readers.enter(Credential(f"{0:064}")).gone is None
    assert readers.enter(Credential(f"{1:064}")).gone == "revoked"


def refuse(ending: Any) -> ApiError | None:
    return of_failure(ending.failure) if ending.failure else None


async def test_a_head_may_wait_for_the_first_text() -> None:
    stage = Stage(frames=ChoiceFrames(include_usage=False), head_at_text=True, refuse=refuse)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        stage.attempt.start()
        await settle()
        assert not stage.client.begun
        stage.attempt.chunk("a")
        await settle()
        assert len(stage.client.writes) == 1
        stage.attempt.end("failed", Failure("engine_failed", "no", True))
    assert stage.client.status == 200
    assert events_of(stage.client.body)[-1].json["error"]["code"] == "engine_failed"


async def test_a_failure_before_the_head_is_an_answer_of_its_own() -> None:
    stage = Stage(frames=ChoiceFrames(include_usage=False), head_at_text=True, refuse=refuse)
    stage.attempt.start().end("failed", Failure("engine_failed", "no", True))
    await stage.client.take(stage.response)
    assert stage.client.status == 503
    assert stage.client.headers["retry-after"] == "1"
    assert stage.client.complete


@pytest.mark.parametrize("begun", [False, True])
async def test_a_source_that_is_lost(begun: bool) -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.client.take(stage.response))
        if begun:
            stage.attempt.start()
        await settle()
        stage.feed.lose(LogUnavailable("away"))
    assert (stage.client.status, stage.client.complete) == ((200, False) if begun else (503, True))
