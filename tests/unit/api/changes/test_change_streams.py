"""How a stream of changes ends, or does not begin, and what it costs while nobody listens."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.changes import hub
from api.log_view import live_log
from schemas import ids
from tests.eventually import eventually
from tests.unit.api.changes.hearing import KEY, hearing
from tests.unit.api.test_conversations import begun, said
from tests.unit.api.world import World
from topics.errors import LogUnavailable

CHANGES = "/api/v1/changes"


async def test_a_revoked_key_ends_its_stream(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        await hears.began()
        world.adapters.readers.revoke(KEY)
        over: bool = await eventually(lambda: len(world.changes) == 0)
        assert over
        assert not hears.client.complete


async def test_a_key_that_is_revoked_while_its_stream_begins_opens_none(world: World, alice: httpx.AsyncClient) -> None:
    """There is no stream yet that a revocation could end."""
    (key,) = (await alice.get("/api/v1/keys")).json()["data"]
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(alice.get(CHANGES))
        waits: bool = await eventually(lambda: len(world.changes) == 1)
        assert waits
        await alice.delete(f"/api/v1/keys/{key['id']}")
        async with world.watched():
            assert (await asking).status_code == 401
    assert len(world.changes) == 0


async def test_a_process_that_ends_cuts_what_it_pushes(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world):
        world.adapters.end_pushed()
        over: bool = await eventually(lambda: len(world.changes) == 0)
        assert over
        answer = await alice.get(CHANGES)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")


async def test_a_log_that_breaks_cuts_its_streams_and_is_tailed_again(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "AGAIN_S", 0.01)
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
            world.change_tails[-1].break_()
            over: bool = await eventually(lambda: len(world.changes) == 0)
            assert over
        conversation = await begun(alice)
        async with hearing(world, after=hears.last_id) as resumed:
            await said(alice, conversation, "hi")
            await resumed.has(3)
            assert sorted(resumed.what) == ["answered", "prompted", "started"]


async def test_nobody_waits_for_ever_for_a_log_that_is_away(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "START_S", 0.05)
    world.log.down = "refuse"
    async with world.watched():
        answer = await alice.get(CHANGES)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    assert len(world.changes) == 0


async def test_no_more_listen_than_there_is_room_for(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_OF_A_USER", 1)
    async with world.watched(), hearing(world):
        full = await alice.get(CHANGES)
        assert (full.status_code, full.json()["error"]["code"]) == (503, "overloaded")
        assert "1 readers already hear of your changes" in full.json()["error"]["message"]
        async with hearing(world, "bob") as other:
            await other.began()
            monkeypatch.setattr(hub, "MAX_FEEDS", 2)
            everybody = await bob.get(CHANGES)
            assert (everybody.status_code, int(everybody.headers["retry-after"]) > 0) == (503, True)


async def test_it_costs_nothing_while_nobody_listens(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "IDLE_S", 0.01)
    async with world.watched():
        await begun(alice)
        assert world.change_tails == []
        async with hearing(world), hearing(world):
            assert len(world.change_tails) == 1
        closed: bool = await eventually(lambda: world.change_tails[0].closed)
        assert closed
        with pytest.raises(LogUnavailable):
            world.changes.now()
    assert world.tails == [], "the log view's topics are not tailed for it"


@pytest.mark.parametrize("after", ["nonsense", "5", "", "x" * 9000])
async def test_what_no_stream_had_is_refused(alice: httpx.AsyncClient, after: str) -> None:
    answer = await alice.get(CHANGES, headers={"Last-Event-ID": after})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position")


async def test_a_feed_is_closed_whatever_its_opening_meets(world: World) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await world.changes.open(ids.user_id("alice"))
    assert len(world.changes) == 0
