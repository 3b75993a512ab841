"""Branches over HTTP: which way through the tree, page by page, and what is on it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from schemas.conversation import PromptSubmitted
from tests.unit.api.test_as_of import cut_at
from tests.unit.api.test_conversations import PATH, begun, left_running, messages, said
from tests.unit.api.world import World

NOBODY = "11111111-1111-4111-8111-111111111111"


async def branch(client: httpx.AsyncClient, conversation: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{PATH}/{conversation}/branch", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(found: dict[str, Any]) -> list[str]:
    return [message["content"] for message in found["data"]]


async def regenerated(client: httpx.AsyncClient, conversation: str, message: str) -> str:
    answer = await client.post(f"{PATH}/{conversation}/messages/{message}/regenerate")
    assert answer.status_code == 200, answer.text
    return str((await branch(client, conversation))["leaf"])


async def test_the_newest_branch_and_the_one_beside_it(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    assert await branch(alice, conversation) == {"data": [], "leaf": None, "nextBefore": None}
    first = await said(alice, conversation, "one")
    second = await said(alice, conversation, "two")
    third = await said(alice, conversation, "three")
    other = await said(alice, conversation, "other", parent_message_id=first)
    newest = await branch(alice, conversation)
    assert texts(newest) == ["one", "Hello world", "other", "Hello world"]
    assert (newest["leaf"], newest["nextBefore"]) == (other, None)
    prompts = {m["content"]: m["id"] for m in await messages(alice, conversation) if m["role"] == "user"}
    assert newest["data"][2]["siblings"] == [prompts["two"], prompts["other"]]
    assert newest["data"][0]["siblings"] == [prompts["one"]]
    # The way a page switches: to a sibling, and from there to what was said last.
    beside = await branch(alice, conversation, through=prompts["two"])
    assert (texts(beside)[2:], beside["leaf"]) == (["two", "Hello world", "three", "Hello world"], third)
    assert texts(await branch(alice, conversation, leaf=second)) == ["one", "Hello world", "two", "Hello world"]
    whole = {message["id"]: message for message in await messages(alice, conversation)}
    for message in beside["data"]:
        assert {name: value for name, value in message.items() if name != "siblings"} == whole[message["id"]]


async def test_answers_given_anew_are_siblings(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    again = await regenerated(alice, conversation, first)
    found = await branch(alice, conversation)
    assert [message["siblings"] for message in found["data"]][1] == [first, again]
    assert found["leaf"] == again
    assert (await branch(alice, conversation, through=first))["leaf"] == first


async def test_a_new_beginning_is_a_sibling_of_the_first(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "one")
    await said(alice, conversation, "anew", parent_message_id="root")
    found = await branch(alice, conversation)
    assert texts(found) == ["anew", "Hello world"]
    prompts = [message["id"] for message in await messages(alice, conversation) if message["role"] == "user"]
    assert found["data"][0]["siblings"] == prompts


async def test_pages_go_back_to_the_beginning(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    for number in range(5):
        await said(alice, conversation, str(number))
    ids = [message["id"] for message in await messages(alice, conversation)]
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        found = await branch(alice, conversation, limit=3, leaf=ids[-1], **before)
        seen = [message["id"] for message in found["data"]] + seen
        if found["nextBefore"] is None:
            break
        before = {"before": found["nextBefore"]}
    assert seen == ids
    # By itself it names its branch.
    assert (await branch(alice, conversation, before=ids[2]))["leaf"] == ids[-1]


async def test_a_running_answer_is_the_leaf(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "one")
    world.script = lambda attempt: attempt.start().chunk("part")
    running = await left_running(world, alice, conversation)
    found = await branch(alice, conversation)
    assert (found["leaf"], found["data"][-1]["status"]) == (running, "running")


async def test_ratings_are_read_back(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    await said(alice, conversation, "two")
    for rating, shown in (("up", "up"), ("down", "down"), ("none", None), ("up", "up")):
        answer = await alice.post(f"{PATH}/{conversation}/messages/{first}/feedback", json={"rating": rating})
        assert answer.status_code == 204
        for found in ((await branch(alice, conversation))["data"], await messages(alice, conversation)):
            assert [message["feedback"] for message in found] == [None, shown, None, None]
        past = (await alice.get(f"{PATH}/{conversation}", params={"as_of": cut_at(world, conversation)})).json()
        assert [message["feedback"] for message in past["messages"]] == [None, shown, None, None]


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        (f"leaf={NOBODY}&through={NOBODY}", 400, "through"),
        ("limit=0", 400, "limit"),
        ("limit=101", 400, "limit"),
        ("limit=x", 400, "limit"),
        ("leaf=" + "x" * 101, 400, "leaf"),
        ("leaf=nope", 404, None),
        ("through=", 404, None),
        ("before=%00", 404, None),
        (f"leaf={NOBODY}", 404, None),
        (f"through={NOBODY}", 404, None),
        (f"before={NOBODY}", 404, None),
    ],
)
async def test_wrong_questions(alice: httpx.AsyncClient, query: str, status: int, param: str | None) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "one")
    answer = await alice.get(f"{PATH}/{conversation}/branch?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_message_that_is_on_another_branch_or_in_another_conversation(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    second = await said(alice, conversation, "two")
    other = await said(alice, conversation, "other", parent_message_id=first)
    answer = await alice.get(f"{PATH}/{conversation}/branch", params={"leaf": other, "before": second})
    assert answer.status_code == 404
    elsewhere = await begun(alice)
    answer = await alice.get(f"{PATH}/{elsewhere}/branch", params={"leaf": first})
    assert answer.status_code == 404


async def test_others_see_nothing(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "one")
    assert (await bob.get(f"{PATH}/{conversation}/branch")).status_code == 404
    assert (await alice.delete(f"{PATH}/{conversation}")).status_code == 204
    assert (await alice.get(f"{PATH}/{conversation}/branch")).status_code == 404


async def test_what_may_still_come_is_waited_for(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    world.reads.unseen = PromptSubmitted
    world.reads.caught_up = False
    answer = await alice.get(f"{PATH}/{conversation}/branch", params={"leaf": first})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "projections_behind")
    behind = await alice.get(f"{PATH}/{conversation}/branch")
    assert (behind.status_code, behind.headers["x-verbatim-behind"]) == (200, "true")
