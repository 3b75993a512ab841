"""The live stream of a conversation's events: from a cut on, nothing lost, nothing twice, for slow clients too."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.log_view import following, reading
from api.log_view.following import Watch
from infra.clock import monotonic_s
from tests.eventually import eventually
from tests.unit.api.log_view.logged import START_MS
from tests.unit.api.log_view.looking import looking
from tests.unit.api.memory_log import TOPICS
from tests.unit.api.sse_text import events_of
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, USAGE_RECORDS
from topics.cuts import format_cut, parse_cut
from topics.log import RawRecord


async def test_each_event_is_pushed_as_it_comes(world: World, alice: httpx.AsyncClient) -> None:
    conversation, other = await begun(alice), await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await said(alice, other, "not this")
        await said(alice, conversation, "hi")
        await looks.has(6)
        types = looks.types
        assert sorted(types) == sorted(
            ["PromptSubmitted", "AttemptStarted", "TokenChunk", "TokenChunk", "AttemptEnded", "GenerationCompleted"]
        )
        assert types.index("AttemptStarted") < types.index("TokenChunk") < types.index("AttemptEnded")
        for event in looks.events:
            assert event.id == event.json["asOf"]
    assert (looks.client.status, len(world.live)) == (200, 0)


async def test_a_stream_begins_with_the_place_it_goes_on_from(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await looks.began()
        (first,) = events_of(looks.client.body)
    assert first.event == following.POSITION
    assert first.id == first.json["asOf"]
    await said(alice, conversation, "hi")
    async with world.watched(), looking(world, conversation, first.id) as resumed:
        await resumed.has(6)


async def test_after_any_event_the_rest_comes_once(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    async with world.watched():
        async with looking(world, conversation) as looks:
            await said(alice, conversation, "hi")
            await said(alice, conversation, "more")
            await looks.has(12)
        everything = list(looks.places)
        for number, event in enumerate(looks.events):
            async with looking(world, conversation, event.id) as resumed:
                await resumed.has(len(everything) - number - 1)
                await said(alice, conversation, "on")
                await resumed.has(len(everything) - number - 1 + 6)
            assert len(set(resumed.places)) == len(resumed.places)
            assert set(resumed.places[:-6]) == set(everything[number + 1 :])
            everything += resumed.places[-6:]


async def test_a_client_that_is_too_slow_loses_its_buffer_and_no_event(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_HELD", 5)
    world.script = saying(*(f"w{number} " for number in range(100)))
    conversation = await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await looks.began()
        looks.client.reading.clear()
        await said(alice, conversation, "hi")
        await said(alice, conversation, "more")
        looks.client.reading.set()
        await looks.has(2 * 104)
        assert len(set(looks.places)) == len(looks.places) == 2 * 104


async def test_a_long_way_is_gone_in_pieces(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 500)
    conversation = await begun(alice)
    async with world.watched():
        async with looking(world, conversation) as looks:
            await looks.began()
        for _ in range(5):
            await said(alice, conversation, "hi")
        looked = world.history.looks
        async with looking(world, conversation, looks.last_id) as resumed:
            await resumed.has(30)
            assert world.history.looks > looked + 3
            await said(alice, conversation, "on")
            await resumed.has(36)
        assert len(set(resumed.places)) == 36


async def test_a_quiet_streams_heartbeat_moves_its_place_on(world: World, alice: httpx.AsyncClient) -> None:
    conversation, other = await begun(alice), await begun(alice)
    while TOPICS.partition(TOKEN_CHUNKS, other) != TOPICS.partition(TOKEN_CHUNKS, conversation):
        other = await begun(alice)
    async with world.watched(), looking(world, conversation) as looks:
        await looks.began()
        first = looks.last_id
        await said(alice, other, "long")
        world.adapters.readers.tick(monotonic_s() + 16)
        moved: bool = await eventually(lambda: looks.last_id != first)
        assert moved
        later, earlier = parse_cut(looks.last_id), parse_cut(first)
        assert all(later[place] >= offset for place, offset in earlier.items())
        assert looks.events == []


NOTHING = "beyond-the-end"


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("nonsense", "is not part of a cut"),
        ("5", "is not part of a cut"),
        ("", "is not part of a cut"),
        (f"{CONVERSATION_EVENTS}:0=1,{CONVERSATION_EVENTS}:0=2", "appears twice"),
        (NOTHING, "lies beyond the end"),
        ("no-such-topic:0=1", "the log has no no-such-topic:0"),
        ("x" * 9000, "too long"),
    ],
)
async def test_a_place_that_cannot_be_is_told(alice: httpx.AsyncClient, after: str, why: str) -> None:
    conversation = await begun(alice)
    if after == NOTHING:
        after = format_cut({(TOKEN_CHUNKS, TOPICS.partition(TOKEN_CHUNKS, conversation)): 999})
    answer = await alice.get(f"{PATH}/{conversation}/events/stream", params={"after": after})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position")
    assert why in answer.json()["error"]["message"]


async def test_two_places_are_none(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    path, cut = f"{PATH}/{conversation}/events/stream", f"{CONVERSATION_EVENTS}:0=0"
    answer = await alice.get(path, params={"after": cut}, headers={"Last-Event-ID": f"{CONVERSATION_EVENTS}:1=0"})
    assert answer.json()["error"]["code"] == "invalid_position"


def test_a_watch_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MAX_HELD_BYTES", 100)
    watch = Watch("c", "u")
    place = (USAGE_RECORDS, 0)
    watch.begin({place: 3})
    watch.take(raw(0))
    assert len(watch) == 0, "it was read from the log"
    for offset in range(3, 30):
        watch.take(raw(offset))
    assert (len(watch), watch.on) == (0, False)
    watch.take(raw(31))
    assert len(watch) == 0
    watch.begin({place: 40})
    watch.take(raw(40))
    assert [record.offset for record in watch.taken()] == [40]


def raw(offset: int) -> RawRecord:
    return RawRecord(USAGE_RECORDS, 0, offset, START_MS, b"u", b"v" * 50)


async def test_its_own_stream_needs_a_key(world: World) -> None:
    async with world.client(None) as nobody:
        for path in (f"{PATH}/x/events", f"{PATH}/x/events/stream", "/api/v1/generations/x/timeline", "/api/v1/pulse"):
            answer: Any = await nobody.get(path)
            assert answer.status_code == 401
