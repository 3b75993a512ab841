"""Whatever ends an answer, its reader and its source are given back once: on all surfaces that stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.responses import Response

from api.access.principal import Principal
from api.openai import leaving as when_left
from api.openai.choices import ChoiceStream
from api.openai.shapes import ChoiceFrames, completion
from api.openai.whole import WholeCompletion
from api.streaming.frames import EventFrames
from api.streaming.pushed import PushedStream
from api.streaming.readers import Credential, Reader, Readers
from api.streaming.sse import EventStream
from api.streaming.tail_hub import TailHub
from api.turns.joining import Opened
from tests.eventually import eventually
from tests.unit.api import test_chat_completions as completions
from tests.unit.api.memory_log import TOPICS, Attempt, MemoryLog
from tests.unit.api.streams import Client
from tests.unit.api.turns import TURN
from tests.unit.api.world import World
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import FatalLogError

KEY = "0" * 64
READS = Credential(KEY)


class Scene:
    """A source, the surface that serves it, and one client."""

    def __init__(self, surface: str, on_leave: Callable[[], Awaitable[None]], *, broken: bool = False) -> None:
        log = MemoryLog()
        hub = TailHub(TOPICS, log)
        log.tail(TOKEN_CHUNKS, hub.on_batch)
        self.feed = hub.open(TURN.generation_id, TURN.conversation_id, TURN.user_id)
        self.attempt = Attempt(log, TURN)
        self.readers = Readers(heartbeat_s=15)
        self.released = 0
        self.fails = self.broken = broken
        self.client = Client()
        self.response = self._response(surface, on_leave)

    def _response(self, surface: str, on_leave: Callable[[], Awaitable[None]]) -> Response:
        if surface == "events":
            return EventStream(self.feed, EventFrames(), self.readers, READS, self._release, on_leave=on_leave)
        if surface == "pushed":
            return PushedStream(Pushed(self), self.readers, READS)
        opened = Opened(TURN, self.feed, self._release, None, False)
        caller = Principal("u", "k", KEY)
        if surface == "choices":
            frames = [ChoiceFrames(include_usage=True)]
            return ChoiceStream(frames, self.readers, caller, opened, on_leave, nothing, {}, 0.0)
        shape = broken if self.broken else completion
        return WholeCompletion(shape, self.readers, caller, opened, on_leave, nothing, {}, 0.0)

    def _release(self) -> None:
        self.released += 1

    @property
    def held(self) -> tuple[int, int, int]:
        """How often it was released, and who still reads."""
        return self.released, len(self.readers), self.feed.watched


class Pushed:
    """A feed as something that is pushed."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._reader: Reader | None = None

    def listen(self, reader: Reader) -> None:
        self._reader = reader
        self._scene.feed.listen(reader)

    async def next(self) -> bytes | None:
        if self._scene.fails:
            raise FatalLogError("it broke")
        return b""

    def beat(self) -> bytes:
        return b":\n\n"

    def close(self) -> None:
        if self._reader is not None:
            self._scene.feed.leave(self._reader)
        self._scene._release()


async def nothing() -> None:
    """The client may leave."""


def broken(*_: Any) -> bytes:
    raise ZeroDivisionError


async def raises() -> None:
    raise FatalLogError("fenced")


async def hangs() -> None:
    await asyncio.Event().wait()


SURFACES = ["events", "whole", "choices", "pushed"]


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_client_that_leaves(surface: str) -> None:
    scene = Scene(surface, nothing)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scene.client.take(scene.response))
        await eventually(lambda: scene.feed.watched == 1)
        scene.client.leave()
    assert scene.held == (1, 0, 0)


@pytest.mark.parametrize("surface", ["events", "whole", "choices"])
async def test_nobody_reads_any_more_while_a_left_answer_is_seen_to(surface: str) -> None:
    seen: list[tuple[int, int, int]] = []

    async def look() -> None:
        seen.append(scene.held)

    scene = Scene(surface, look)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scene.client.take(scene.response))
        await eventually(lambda: scene.feed.watched == 1)
        scene.client.leave()
    assert (seen, scene.held) == ([(0, 0, 0)], (1, 0, 0))


@pytest.mark.parametrize("surface", ["events", "whole", "choices"])
async def test_a_left_answer_that_cannot_be_seen_to(surface: str) -> None:
    scene = Scene(surface, raises)
    scene.client.leave()
    with pytest.raises(FatalLogError):
        await scene.client.take(scene.response)
    assert scene.held == (1, 0, 0)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("after_leaving", [False, True])
async def test_a_process_that_ends_in_the_middle(surface: str, after_leaving: bool) -> None:
    scene = Scene(surface, hangs)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(scene.client.take(scene.response))
        await eventually(lambda: scene.feed.watched == 1)
        if after_leaving:
            scene.client.leave()
            await eventually(lambda: scene.feed.watched == 0)
        task.cancel()
    assert scene.held == (1, 0, 0)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_bug_while_it_is_served(surface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(surface, nothing, broken=True)
    monkeypatch.setattr(EventFrames, "end", broken)
    monkeypatch.setattr(ChoiceFrames, "finish", broken)
    scene.attempt.start().end()
    with pytest.raises(ExceptionGroup):
        await scene.client.take(scene.response)
    assert scene.held == (1, 0, 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_who_sent_a_key_may_be_away_for_longer(
    world: World, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    async def ended_within(_: Any, at_most_s: float) -> None:
        asked.append(at_most_s)

    monkeypatch.setattr(when_left, "ended_within", ended_within)
    world.script = lambda attempt: attempt.start().chunk("a")
    await completions.left(world, stream=stream)
    await completions.left(world, stream=stream, idempotency="mine")
    assert asked == [world.settings.disconnect_grace_s, when_left.KEYED_GRACE_S]
    assert when_left.KEYED_GRACE_S >= 10


async def test_a_retry_within_the_grace_finds_its_answer_running(world: World) -> None:
    """As an SDK does that times out, pauses for seconds and tries again."""
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start().chunk("a"))
    async with asyncio.TaskGroup() as tasks, world.client(world.add_key("alice", "a")) as alice:
        leaving = tasks.create_task(completions.left(world, stream=False, idempotency="mine"))
        await eventually(lambda: len(attempts) == 1)
        feed = world.adapters.hub.by_generation(attempts[0].turn.generation_id)
        assert feed is not None
        # The client is gone, and only its grace waits for the end.
        await eventually(lambda: (len(world.adapters.readers), feed.watched) == (0, 1))
        body, keyed = completions.body(stream=False), {"Idempotency-Key": "mine"}
        again = tasks.create_task(alice.post(completions.CHAT, json=body, headers=keyed))
        await eventually(lambda: len(world.adapters.readers) == 1)
        attempts[0].chunk("b").end()
        answer = await again
        await leaving
    assert answer.json()["choices"][0]["message"]["content"] == "ab"
    assert answer.headers["idempotent-replayed"] == "true"
    assert len(world.adapters.hub) == 0
