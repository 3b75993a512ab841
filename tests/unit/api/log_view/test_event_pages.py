"""GET …/events: page by page, whole, in order, filtered; for its owner alone."""

from __future__ import annotations

import struct
from typing import Any

import httpx
import pytest

from api.conversations.ports import PastBusy, PastOutOfReach
from api.log_view import pages
from infra.clock import now_ms
from projections.cursors import encode_cursor
from schemas import ids
from schemas.codec import NewerRecord, encode
from schemas.envelope import Envelope
from schemas.price import Usage
from schemas.registry import registered_schemas
from schemas.usage import UsageRecorded
from tests.unit.api.log_view.logged import NOWHERE, verdict
from tests.unit.api.log_view.pages import all_of, asked, page, place, types
from tests.unit.api.memory_log import AT, TOPICS, MemoryRecord
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.world import World, saying
from topics.catalogue import MODERATION_VERDICTS, USAGE_RECORDS
from topics.cuts import parse_cut
from topics.errors import LogUnavailable, OutOfRange

OF_A_TURN = ["PromptSubmitted", "AttemptStarted", "TokenChunk", "TokenChunk", "AttemptEnded", "GenerationCompleted"]
UNKNOWN = "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11"


async def test_a_conversation_as_the_log_holds_it(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First")
    generation = await said(alice, conversation, "hi")
    await alice.patch(f"{PATH}/{conversation}", json={"title": "Second"})
    found = await page(alice, conversation)
    assert sorted(types(found["data"])) == sorted(["ConversationStarted", *OF_A_TURN, "ConversationRenamed"])
    assert found["nextBefore"] is None
    assert found["data"][0]["summary"] == "First"
    assert {event["generationId"] for event in found["data"]} == {generation, None}


async def test_what_others_do_is_not_there(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine, other, foreign = await begun(alice), await begun(alice), await begun(bob)
    for client, conversation in ((alice, other), (bob, foreign), (alice, mine), (bob, foreign)):
        await said(client, conversation, "hi")
    assert sorted(types(await all_of(alice, mine))) == sorted(["ConversationStarted", *OF_A_TURN])


@pytest.mark.parametrize("limit", [1, 2, 5, 7, 100])
async def test_pages_of_any_size_are_the_whole_once(alice: httpx.AsyncClient, limit: int) -> None:
    conversation = await begun(alice)
    for number in range(6):
        await said(alice, conversation, f"say {number}")
    whole = await page(alice, conversation, limit=1000)
    assert len(whole["data"]) == 1 + 6 * len(OF_A_TURN)
    by_pages = await all_of(alice, conversation, limit=limit)
    assert [place(event) for event in by_pages] == [place(event) for event in whole["data"]]


@pytest.mark.parametrize("patience_s", [-1.0, 60.0])
async def test_old_turns_are_read_only_when_they_are_asked_for(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    """Turns that are an hour apart each: a page of the newest reads no older one."""
    monkeypatch.setattr(pages, "PATIENCE_S", patience_s)
    conversation = await begun(alice)
    for number in range(5):
        world.log.ahead_ms = 3_600_000 * number
        await said(alice, conversation, "hi")
    looked = world.history.looks
    newest = await page(alice, conversation, limit=4)
    assert world.history.looks == looked + 1
    assert types(newest["data"])[-1] == "GenerationCompleted"
    assert len(newest["data"]) == 4
    assert newest["nextBefore"] is not None
    whole = await all_of(alice, conversation, limit=4)
    assert len({place(event) for event in whole}) == len(whole) == 1 + 5 * len(OF_A_TURN)
    assert [event["time"] for event in whole] == sorted(event["time"] for event in whole)


async def test_each_events_cut_is_the_conversation_as_of_it(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First")
    await said(alice, conversation, "hi")
    await alice.patch(f"{PATH}/{conversation}", json={"title": "Second"})
    seen = []
    for event in await all_of(alice, conversation):
        at = parse_cut(event["asOf"])
        assert at[event["topic"], event["partition"]] == event["offset"] + 1
        past = (await alice.get(f"{PATH}/{conversation}", params={"as_of": event["asOf"]})).json()
        seen.append((event["type"], past["title"], [message["status"] for message in past["messages"]]))
    assert seen[0] == ("ConversationStarted", "First", [])
    assert ("PromptSubmitted", "First", ["completed", "running"]) in seen
    assert ("GenerationCompleted", "First", ["completed", "completed"]) in [(t, "First", m) for t, _, m in seen]
    assert seen[-1][1:] == ("Second", ["completed", "completed"])


async def test_filters(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    second = await said(alice, conversation, "two")
    assert "TokenChunk" not in types(await all_of(alice, conversation, chunks=False))
    assert "AttemptStarted" in types(await all_of(alice, conversation, chunks=False))
    picked = await all_of(alice, conversation, types="PromptSubmitted,TokenChunk", limit=3)
    assert sorted(types(picked)) == ["PromptSubmitted"] * 2 + ["TokenChunk"] * 4
    of_first = await all_of(alice, conversation, generation=first, limit=4)
    assert sorted(types(of_first)) == sorted(OF_A_TURN)
    assert {event["generationId"] for event in of_first} == {first}
    of_second = await all_of(alice, conversation, generation=second, types="GenerationCompleted")
    assert [event["generationId"] for event in of_second] == [second]


async def test_what_is_damaged_is_found_too(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "one")
    spot = MODERATION_VERDICTS, TOPICS.partition(MODERATION_VERDICTS, conversation)
    value = encode(verdict())[:9]
    world.log.partitions[spot] = [MemoryRecord((*spot, 0), conversation.encode(), value, now_ms())]
    for types_asked in ("Undecodable", "Undecodable,PromptSubmitted"):
        picked = await all_of(alice, conversation, types=types_asked)
        assert types(picked).count("Undecodable") == 1


async def test_what_a_newer_release_wrote_is_shown_as_that(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "one")
    spot = MODERATION_VERDICTS, TOPICS.partition(MODERATION_VERDICTS, conversation)
    value = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"
    world.log.partitions[spot] = [MemoryRecord((*spot, 0), conversation.encode(), value, now_ms())]
    for picked in (await all_of(alice, conversation, types="Newer"), await all_of(alice, conversation)):
        (event,) = [event for event in picked if event["type"] == "Newer"]
        assert (event["payload"], "newer release" in event["summary"]) == (None, True)
    assert "GenerationCompleted" in types(await all_of(alice, conversation))
    timeline = await alice.get(f"/api/v1/generations/{generation}/timeline")
    assert "ended" in [stage["stage"] for stage in timeline.json()["stages"]]


async def test_a_branch_that_still_runs_is_whole_too(world: World, alice: httpx.AsyncClient) -> None:
    """An old turn that lasts into newer ones is not passed over, however small the pages are."""
    conversation = await begun(alice)
    world.recorded = False
    await said(alice, conversation, "one")
    world.recorded = True
    await said(alice, conversation, "two", parent_message_id="root")
    whole = await all_of(alice, conversation, limit=2)
    assert sorted(types(whole)) == sorted(["ConversationStarted", *OF_A_TURN[:-1], *OF_A_TURN])


async def test_bills_come_with_the_conversation_they_belong_to(world: World, alice: httpx.AsyncClient) -> None:
    conversation, other = await begun(alice), await begun(alice)
    user = ids.user_id("alice")
    for owner in (conversation, other):
        generation = await said(alice, owner, "hi")
        envelope = Envelope(ids.event_id(generation, "UsageRecorded"), AT, None, "r", "system:metering")
        bill = UsageRecorded(
            envelope=envelope,
            user_id=user,
            conversation_id=owner,
            generation_id=generation,
            model="m",
            outcome_type="GenerationCompleted",
            usage=Usage(7, 2),
            price_version="p",
            currency="USD",
            cost_micros=5,
            outcome=NOWHERE,
            ended_at_us=AT,
        )
        world.log.append(USAGE_RECORDS, user, bill)
    bills = await all_of(alice, conversation, types="UsageRecorded")
    assert [event["payload"]["conversationId"] for event in bills] == [conversation]
    assert bills[0]["summary"] == "0.000005 USD"


async def test_what_is_deleted_or_somebody_elses_is_not_there(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "hi")
    timeline = f"/api/v1/generations/{generation}/timeline"
    paths = (f"{PATH}/{conversation}/events", f"{PATH}/{conversation}/events/stream", timeline)
    assert [(await bob.get(path)).status_code for path in paths] == [404] * 3
    assert (await bob.get(timeline)).json() == (await alice.get(timeline.replace(generation, UNKNOWN))).json()
    assert (await alice.get(timeline)).status_code == 200
    await alice.delete(f"{PATH}/{conversation}")
    assert [(await alice.get(path)).status_code for path in paths] == [404] * 3


async def test_an_operator_sees_no_more_than_its_own(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "hi")
    async with world.client(world.add_key("admin", "z")) as admin:
        for path in (f"{PATH}/{conversation}/events", f"{PATH}/{conversation}/events/stream"):
            assert (await admin.get(path)).status_code == 404
        assert (await admin.get(f"/api/v1/generations/{generation}/timeline")).status_code == 404
        own = await begun(admin)
        assert (await asked(admin, own, generation=generation)).status_code == 404


async def test_a_generation_of_another_conversation_is_not_there(alice: httpx.AsyncClient) -> None:
    conversation, other = await begun(alice), await begun(alice)
    generation = await said(alice, other, "hi")
    answer = await asked(alice, conversation, generation=generation)
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "generation")


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"before": "nonsense"}, "before"),
        ({"before": encode_cursor(5, "1.2")}, "before"),
        ({"before": encode_cursor(5, "1.2.x")}, "before"),
        ({"before": encode_cursor(5, "1.-2.3")}, "before"),
        ({"before": encode_cursor(5, f"1.{'9' * 30}.3")}, "before"),
        ({"before": encode_cursor(5, f"1.2.{'9' * 19}")}, "before"),
        ({"before": encode_cursor(2**63 - 1, "1.2.3")}, "before"),
        ({"before": "x" * 600}, "before"),
        ({"types": "Nonsense"}, "types"),
        ({"types": ""}, "types"),
        ({"types": "PromptSubmitted,,"}, "types"),
        ({"types": "ApiKeyCreated"}, "types"),
        ({"generation": "nonsense"}, "generation"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"chunks": "perhaps"}, "chunks"),
    ],
)
async def test_bad_input_is_told(alice: httpx.AsyncClient, params: dict[str, Any], param: str) -> None:
    conversation = await begun(alice)
    answer = await asked(alice, conversation, **params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_cursor_that_nothing_stands_before_is_an_empty_page(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    found = await page(alice, conversation, before=encode_cursor(5, "0.0.-"))
    assert (found["data"], found["nextBefore"]) == ([], None)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PastOutOfReach("Reading the history took too long"), "past_out_of_reach"),
        (PastBusy("8 history reads are already waiting"), "overloaded"),
        (NewerRecord(77), "newer_record"),
        (OutOfRange("conversation-events", 0, 0, 5, 9), "past_not_held"),
        (LogUnavailable("away"), "log_unavailable"),
    ],
)
async def test_a_log_that_cannot_be_read_is_a_503(
    world: World, alice: httpx.AsyncClient, failure: Exception, code: str
) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "hi")
    world.history.failure = failure
    for path in (f"{PATH}/{conversation}/events", f"/api/v1/generations/{generation}/timeline"):
        answer = await alice.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)


async def test_a_large_page_is_cut_short(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_BYTES", 10_000)
    world.script = saying("x" * 4000, "y" * 4000, "z" * 40_000, "end")
    conversation = await begun(alice)
    await said(alice, conversation, "hi")
    assert len((await page(alice, conversation))["data"]) < 8
    whole = await all_of(alice, conversation)
    assert types(whole).count("TokenChunk") == 4


async def test_the_timeline_of_an_answer(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "hi")
    found = (await alice.get(f"/api/v1/generations/{generation}/timeline")).json()
    assert [stage["stage"] for stage in found["stages"]] == ["accepted", "attempt", "first_token", "ended", "stored"]
    assert [(attempt["end"], attempt["chunks"]) for attempt in found["attempts"]] == [("completed", 2)]
    assert [(seq, size) for seq, _, size in found["chunks"]] == [(1, 5), (2, 6)]
