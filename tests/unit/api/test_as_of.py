"""`?as_of=`: what was, for its owner alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.conversations.as_of import moment_of
from api.conversations.ports import PastOutOfReach
from api.http.answers import iso
from infra.clock import now_us, utc_now
from schemas.conversation import ConversationRenamed
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS
from tests.unit.api.test_conversations import PATH, begun, messages, said
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES
from topics.cuts import format_cut
from topics.errors import LogUnavailable, OutOfRange


def cut_at(world: World, conversation: str) -> str:
    """The end of the conversation's partitions now."""
    places = [(topic, TOPICS.partition(topic, conversation)) for topic in (CONVERSATION_EVENTS, GENERATION_OUTCOMES)]
    return format_cut({place: len(world.log.partitions.get(place, ())) for place in places})


def essence(message: dict[str, Any]) -> dict[str, Any]:
    """All of a message but its time: the projections in memory take an answer's from elsewhere."""
    return {name: value for name, value in message.items() if name != "createdAt"}


async def then(client: httpx.AsyncClient, conversation: str, as_of: str) -> httpx.Response:
    return await client.get(f"{PATH}/{conversation}", params={"as_of": as_of})


async def test_a_conversation_is_shown_as_it_was(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First")
    begun_only = cut_at(world, conversation)
    await said(alice, conversation, "hi")
    spoken = cut_at(world, conversation)
    shown = await messages(alice, conversation)
    now = (await alice.get(f"{PATH}/{conversation}")).json()
    await alice.patch(f"{PATH}/{conversation}", json={"title": "Second"})
    await said(alice, conversation, "more")

    at_first = (await then(alice, conversation, begun_only)).json()
    assert (at_first["title"], at_first["preview"], at_first["messages"]) == ("First", None, [])
    answer = await then(alice, conversation, spoken)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["asOf"], body["title"], body["preview"]) == (spoken, "First", "hi")
    assert body.keys() == now.keys() | {"asOf", "messages"}
    assert [essence(m) for m in body["messages"]] == [essence(m) for m in shown]
    latest = (await then(alice, conversation, cut_at(world, conversation))).json()
    assert (latest["title"], len(latest["messages"])) == ("Second", 4)
    assert [essence(m) for m in latest["messages"]] == [essence(m) for m in await messages(alice, conversation)]


async def test_a_prompt_is_there_before_its_answer_has_ended(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "hi")
    said_only = cut_at(world, conversation).split(",")[0]
    prompt, reply = (await then(alice, conversation, said_only)).json()["messages"]
    assert (prompt["content"], reply["status"], reply["content"]) == ("hi", "running", "")


async def test_a_time_is_a_moment_too(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First")
    renamed = await alice.patch(f"{PATH}/{conversation}", json={"title": "Second"})
    assert renamed.status_code == 200
    (event,) = [e for e, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(e, ConversationRenamed)]
    # The log's clock is in milliseconds.
    at = iso(event.envelope.occurred_at_us // 1000 * 1000)
    after_us = event.envelope.occurred_at_us + 1000
    await eventually(lambda: now_us() > after_us)  # a moment that is still to come is refused
    assert (await then(alice, conversation, iso(after_us))).json()["title"] == "Second"
    before = await then(alice, conversation, at)
    assert before.status_code in (200, 404)  # begun in the same millisecond, it was not there yet
    if before.status_code == 200:
        assert before.json()["title"] == "First"
    for text in (at.replace("Z", ""), at.replace("Z", "+00:00")):
        assert (await then(alice, conversation, text)).status_code == before.status_code


async def test_before_it_began_it_was_not_there(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    created = (await alice.get(f"{PATH}/{conversation}")).json()["createdAt"]
    for as_of in ("2020-01-01", "1969-12-31T23:59:59Z", f"{CONVERSATION_EVENTS}:0=0,{CONVERSATION_EVENTS}:1=0"):
        answer = await then(alice, conversation, as_of)
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("not_yet", "as_of")
        assert created in error["message"]


async def test_what_is_deleted_or_somebody_elses_has_no_past(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    conversation = await begun(alice)
    there = cut_at(world, conversation)
    foreign = await then(bob, conversation, there)
    unknown = await then(bob, "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11", there)
    await alice.delete(f"{PATH}/{conversation}")
    deleted = await then(alice, conversation, there)
    assert foreign.status_code == unknown.status_code == deleted.status_code == 404
    assert foreign.json() == unknown.json() == deleted.json()


@pytest.mark.parametrize(
    ("as_of", "why"),
    [
        ("yesterday", "it is neither a time nor a cut"),
        ("", "it is neither a time nor a cut"),
        ("2026-13-01", "it is neither a time nor a cut"),
        ("2026-11-21T08:30:00 01:00", "it is neither a time nor a cut"),
        ("2999-01-01T00:00:00Z", "it is in the future"),
        ("conversation-events:0=-1", "is not part of a cut"),
        ("conversation-events:0=1,conversation-events:0=2", "appears twice in the cut"),
        ("conversation-events:0=999999", "lies beyond the end"),
    ],
)
async def test_a_moment_that_cannot_be_is_refused(alice: httpx.AsyncClient, as_of: str, why: str) -> None:
    conversation = await begun(alice)
    answer = await then(alice, conversation, as_of)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("as_of", "invalid_value")
    assert why in error["message"]
    assert "Expected: a time up to now" in error["message"]


def test_now_is_no_future() -> None:
    now = utc_now()
    assert moment_of(now.isoformat(), now) == int(now.timestamp() * 1000)
    assert moment_of((now - timedelta(days=400)).isoformat(), now) != 0


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PastOutOfReach("Reading the history took too long"), "past_out_of_reach"),
        (OutOfRange("conversation-events", 0, 0, 5, 9), "past_not_held"),
        (LogUnavailable("away"), "log_unavailable"),
    ],
)
async def test_a_past_that_cannot_be_read_is_a_503(
    world: World, alice: httpx.AsyncClient, failure: Exception, code: str
) -> None:
    conversation = await begun(alice)
    world.history.failure = failure
    answer = await then(alice, conversation, "2026-01-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
    assert answer.headers["retry-after"] == "1"


async def test_other_topics_in_a_cut_do_not_matter(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First")
    whole: Mapping[Any, int] = {place: len(records) for place, records in world.log.partitions.items()}
    answer = await then(alice, conversation, format_cut({**whole, ("usage-records", 0): 7}))
    assert (answer.status_code, answer.json()["title"]) == (200, "First")
