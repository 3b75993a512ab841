"""How a live stream of a conversation's events ends, or does not begin, and what it costs while nobody looks."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.log_view import live_log
from api.log_view.following import Watch
from schemas import ids
from tests.eventually import eventually
from tests.unit.api.log_view.looking import KEY, looking
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable


async def test_a_deleted_conversation_ends_its_stream(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await alice.delete(f"{PATH}/{conversation}")
        await looks.has(1)
        over: bool = await eventually(lambda: len(world.live) == 0)
        assert over
    assert looks.types == ["ConversationDeleted"]
    assert looks.client.complete


async def test_a_revoked_key_ends_its_stream(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await looks.began()
        world.adapters.readers.revoke(KEY)
        over: bool = await eventually(lambda: len(world.live) == 0)
        assert over
        assert not looks.client.complete


async def test_a_process_that_ends_cuts_what_it_pushes(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation):
        world.adapters.end_pushed()
        over: bool = await eventually(lambda: len(world.live) == 0)
        assert over
        answer = await alice.get(f"{PATH}/{conversation}/events/stream")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")


async def test_a_log_that_breaks_cuts_its_streams_and_is_watched_again(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "AGAIN_S", 0.01)
    conversation = await begun(alice)
    async with world.watched():
        async with looking(world, conversation) as looks:
            await looks.began()
            world.tails[-1].break_()
            over: bool = await eventually(lambda: len(world.live) == 0)
            assert over
        async with looking(world, conversation, looks.last_id) as resumed:
            await said(alice, conversation, "hi")
            await resumed.has(6)


async def test_nobody_waits_for_ever_for_a_log_that_is_away(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "START_S", 0.05)
    conversation = await begun(alice)
    world.log.down = "refuse"
    async with world.watched():
        answer = await alice.get(f"{PATH}/{conversation}/events/stream")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    assert len(world.live) == 0


async def test_no_more_look_than_there_is_room_for(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "MAX_LISTENERS", 1)
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation):
        full = await alice.get(f"{PATH}/{conversation}/events/stream")
        assert (full.status_code, full.json()["error"]["code"]) == (503, "overloaded")
        assert "1 readers" in full.json()["error"]["message"] and int(full.headers["retry-after"]) > 0
        assert len(world.live) == 1


async def test_it_costs_nothing_while_nobody_looks(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "IDLE_S", 0.01)
    conversation = await begun(alice)
    async with world.watched():
        assert world.tails == []
        async with looking(world, conversation):
            assert len(world.tails) == 1
        closed: bool = await eventually(lambda: world.tails[0].closed)
        assert closed
        with pytest.raises(LogUnavailable):
            world.live.next_at((CONVERSATION_EVENTS, 0))


async def test_one_user_does_not_take_all_the_room(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "MAX_OF_A_KEY", 1)
    conversation, other, foreign = await begun(alice), await begun(alice), await begun(bob)
    async with world.watched(), looking(world, conversation):
        full = await alice.get(f"{PATH}/{other}/events/stream")
        assert (full.status_code, full.json()["error"]["code"]) == (503, "overloaded")
        watch = Watch(foreign, ids.user_id("bob"))
        await world.live.join(watch)
        world.live.leave(watch)
        assert len(world.live) == 1


async def test_a_key_that_is_revoked_while_its_stream_begins_opens_none(world: World, alice: httpx.AsyncClient) -> None:
    """There is no stream yet that a revocation could end."""
    conversation = await begun(alice)
    (key,) = (await alice.get("/api/v1/keys")).json()["data"]
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(alice.get(f"{PATH}/{conversation}/events/stream"))
        waits: bool = await eventually(lambda: len(world.live) == 1)
        assert waits
        await alice.delete(f"/api/v1/keys/{key['id']}")
        async with world.watched():
            assert (await asking).status_code == 401
    assert len(world.live) == 0


async def test_after_a_revocation_nothing_more_is_sent(world: World, alice: httpx.AsyncClient) -> None:
    """Also of what was on its way from the log."""
    conversation = await begun(alice)
    async with world.watched():
        async with looking(world, conversation) as looks:
            await looks.began()
        await said(alice, conversation, "hi")
        reading = world.history.hold()
        async with looking(world, conversation, looks.last_id) as resumed:
            reads: bool = await eventually(lambda: world.history.waiting == 1)
            assert reads
            world.adapters.readers.revoke(KEY)
            reading.set()
            over: bool = await eventually(lambda: len(world.live) == 0)
            assert over
        assert resumed.events == []
