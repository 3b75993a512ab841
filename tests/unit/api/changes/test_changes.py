"""What changes for a user is told to each of their browsers, once, from any position on."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from api.changes import catching_up, following, hub
from api.changes.catching_up import CatchingUp
from api.changes.telling import TOPICS_TOLD
from api.conversations.ports import PastBusy
from infra.clock import monotonic_s
from schemas import ids
from schemas.account import ConversationsMarked
from schemas.conversation import ConversationRenamed
from schemas.envelope import Envelope
from schemas.generation import Failure
from schemas.turns import TITLES
from tests.eventually import eventually
from tests.unit.api.changes.hearing import hearing
from tests.unit.api.memory_log import AT, TOPICS, Attempt
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS
from topics.cuts import parse_cut
from topics.log import RawRecord

CHAT = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}]}


async def test_each_change_is_told_as_it_happens(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        conversation = await begun(alice, title="First")
        answer = await said(alice, conversation, "hi")
        await alice.patch(f"{PATH}/{conversation}", json={"title": "Second"})
        await alice.post(f"{PATH}/{conversation}/messages/{answer}/feedback", json={"rating": "up"})
        await alice.post("/api/v1/keys", json={})
        await alice.delete(f"{PATH}/{conversation}")
        await hears.has(7)
    of_it = {"kind": "conversation", "conversationId": conversation}
    assert hears.told == [
        {**of_it, "what": "started", "title": "First"},
        {**of_it, "what": "prompted", "generationId": answer},
        {**of_it, "what": "answered", "generationId": answer},
        {**of_it, "what": "renamed", "title": "Second"},
        {**of_it, "what": "changed"},
        {"kind": "keys"},
        {**of_it, "what": "deleted"},
    ]
    assert hears.names[0] == following.READY
    assert (hears.client.status, len(world.changes)) == (200, 0)


async def test_a_read_with_a_changes_position_shows_it(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        conversation = await begun(alice)
        await said(alice, conversation, "hi")
        await hears.has(3)
        for event in (hears.all[0], *hears.changes):
            read = await alice.get(f"{PATH}/{conversation}", headers={"X-Verbatim-Position": event.json["position"]})
            assert (read.status_code, "x-verbatim-behind" in read.headers) == (200, False)


async def test_others_hear_nothing_of_it(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world, "bob") as hears, hearing(world) as own:
        conversation = await begun(alice)
        await said(alice, conversation, "hi")
        await alice.post("/api/v1/keys", json={})
        await own.has(4)
        foreign = await begun(bob)
        await hears.has(1)
        assert [change["conversationId"] for change in hears.told] == [foreign]


async def test_what_nobody_lists_is_not_told(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        await alice.post("/v1/chat/completions", json=CHAT)
        conversation = await begun(alice)
        await hears.has(1)
        assert [change["conversationId"] for change in hears.told] == [conversation]


async def test_an_answer_that_failed_is_told_so(world: World, alice: httpx.AsyncClient) -> None:
    def failing(attempt: Attempt) -> None:
        attempt.start().end("failed", Failure("engine_unavailable", "away", True))

    world.script = failing
    async with world.watched(), hearing(world) as hears:
        await said(alice, await begun(alice), "hi")
        await hears.has(3)
        assert hears.what == ["started", "prompted", "failed"]


async def test_a_title_that_was_made_is_to_be_read(world: World, alice: httpx.AsyncClient) -> None:
    """It counts only where the user gave none."""
    conversation = await begun(alice)
    async with world.watched(), hearing(world) as hears:
        envelope = Envelope("e", AT, None, "r", TITLES)
        made = ConversationRenamed(envelope, conversation, ids.user_id("alice"), "Made")
        world.log.append(CONVERSATION_EVENTS, conversation, made)
        await hears.has(1)
        assert hears.told == [{"kind": "conversation", "conversationId": conversation, "what": "renamed"}]


async def test_after_any_change_the_rest_comes_once(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched():
        async with hearing(world) as hears:
            await begun(alice)
            conversation = await begun(alice)
            await said(alice, conversation, "hi")
            await said(alice, conversation, "more")
            await hears.has(6)
        told = [event.data for event in hears.changes]
        for number, event in enumerate((hears.all[0], *hears.changes)):
            async with hearing(world, after=event.id) as resumed:
                await resumed.has(len(told) - number)
                await alice.patch(f"{PATH}/{conversation}", json={"title": f"{number}"})
                await resumed.has(len(told) - number + 1)
            own = [change.data for change in resumed.changes]
            assert sorted(own[:-1]) == sorted(told[number:])
            assert resumed.all[0].json == {"resumed": True}
            told.append(own[-1])


@pytest.mark.parametrize(
    "after", ["no-such-topic:0=1", f"{CONVERSATION_EVENTS}:0=999", f"{ACCOUNT_EVENTS}:0=0,other:1=5"]
)
async def test_a_place_that_the_log_does_not_hold_is_a_reset(
    world: World, alice: httpx.AsyncClient, after: str
) -> None:
    async with world.watched(), hearing(world, after=after) as hears:
        await hears.is_told(following.RESET)
        conversation = await begun(alice)
        await hears.has(1)
        assert hears.told[0]["conversationId"] == conversation
        assert hears.names == ["ready", "reset", "changed"]


async def test_who_is_too_far_behind_is_told_to_read_lists(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MAX_BEHIND", 5)
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
        for _ in range(3):
            await begun(alice)
        async with hearing(world, after=hears.last_id) as resumed:
            await resumed.has(3)
        for _ in range(3):
            await begun(alice)
        async with hearing(world, after=hears.last_id) as resumed:
            await resumed.is_told(following.RESET)
            assert resumed.changes == []


async def test_a_past_that_cannot_be_read_is_a_reset(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
        await begun(alice)
        world.history.failure = PastBusy("all are reading")
        async with hearing(world, after=hears.last_id) as resumed:
            await resumed.is_told(following.RESET)


async def test_a_client_that_is_too_slow_is_told_to_read_lists(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_HELD", 4)
    async with world.watched(), hearing(world) as hears:
        await hears.began()
        hears.client.reading.clear()
        first = await begun(alice)
        for _ in range(8):
            await begun(alice)
        hears.client.reading.set()
        await hears.is_told(following.RESET)
        last = await begun(alice)
        told: bool = await eventually(lambda: last in str(hears.told))
        assert told
        assert len(hears.changes) <= 3 and first not in str(hears.told[1:])


async def test_all_who_are_behind_are_served_by_one_read(world: World, alice: httpx.AsyncClient) -> None:
    """As after the start of a process, to which everybody comes back at once."""
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
        await begun(alice)
        shared = CatchingUp(TOPICS, world.history)
        reading = world.history.hold()
        looks = world.history.looks
        async with (
            hearing(world, after=hears.last_id, catching_up=shared) as first,
            hearing(world, after=hears.last_id, catching_up=shared) as second,
            hearing(world, "bob", after=hears.last_id, catching_up=shared) as foreign,
        ):
            for reader in (first, second, foreign):
                await reader.began()
            waits: bool = await eventually(lambda: world.history.waiting == 1)
            assert waits
            reading.set()
            await first.has(1)
            await second.has(1)
            await foreign.is_told(following.POSITION)
            assert world.history.looks <= looks + 2
            assert foreign.changes == []


async def test_a_long_way_is_gone_in_pieces_and_has_an_end(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "PIECE_S", 0.0)
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
        for _ in range(4):
            await begun(alice)
        async with hearing(world, after=hears.last_id) as resumed:
            await resumed.has(4)
            assert following.RESET not in resumed.names
        monkeypatch.setattr(following, "MAX_PIECES", 2)
        async with hearing(world, after=hears.last_id) as resumed:
            await resumed.is_told(following.RESET)
            assert len(resumed.changes) == 2


async def test_a_quiet_streams_heartbeat_moves_its_place_on(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    async with world.watched(), hearing(world) as hears:
        await hears.began()
        first = hears.last_id
        await begun(bob)
        world.adapters.readers.tick(monotonic_s() + 16)
        await hears.is_told(following.POSITION)
        later, earlier = parse_cut(hears.last_id), parse_cut(first)
        assert later != earlier and all(later[place] >= offset for place, offset in earlier.items())
        assert hears.changes == []


async def test_a_record_that_cannot_be_read_tells_nothing(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        for topic in TOPICS_TOLD:
            for value in (None, b"", b"\x00\x00\x00\x00\x01damaged", b"\x00\x00\x00\xff\x01newer"):
                world.changes.take(RawRecord(topic, 0, 0, 0, ids.user_id("alice").encode(), value))
        conversation = await begun(alice)
        await hears.has(1)
        assert [change["conversationId"] for change in hears.told] == [conversation]


async def test_a_reader_that_leaves_while_it_is_behind_keeps_nobody(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched():
        async with hearing(world) as hears:
            await hears.began()
        await begun(alice)
        shared = CatchingUp(TOPICS, world.history)
        reading = world.history.hold()
        async with hearing(world, after=hears.last_id, catching_up=shared) as stays:
            async with hearing(world, after=hears.last_id, catching_up=shared) as leaves:
                await leaves.began()
                waits: bool = await eventually(lambda: world.history.waiting == 1)
                assert waits
                asyncio.get_running_loop().call_later(0.05, reading.set)
            await stays.has(1)
        assert len(shared) == 0


async def test_of_a_record_that_tells_several_changes_all_come_again_until_the_last_has(
    world: World, alice: httpx.AsyncClient
) -> None:
    envelope, user = Envelope("e", AT, None, "r", "user"), ids.user_id("alice")
    async with world.watched(), hearing(world) as hears:
        await hears.began()
        marked = ConversationsMarked(envelope=envelope, user_id=user, conversation_ids=("a", "b", "c"), pinned=True)
        world.log.append(ACCOUNT_EVENTS, user, marked)
        await hears.has(3)
        assert [event.id for event in hears.changes[:2]] == [None, None]
        async with hearing(world, after=hears.all[0].id) as again, hearing(world, after=hears.changes[2].id) as done:
            await again.has(3)
            await done.began()
            await begun(alice)
            await done.has(1)
            assert (again.what[:3], done.what) == (["marked"] * 3, ["started"])
