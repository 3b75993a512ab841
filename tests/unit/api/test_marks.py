"""Marks and own settings of conversations, and lists of the marked ones, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from schemas import ids
from schemas.account import ConversationSettingsChanged, ConversationsMarked
from schemas.codec import set_write_level
from schemas.envelope import Sealed
from schemas.registry import WRITE_LEVEL
from tests.unit.api.test_as_of import then
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.test_idempotent_commands import KEY, REUSED, is_repeat, overtaken, refusal
from tests.unit.api.test_own_lists import Lag, lag
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS
from topics.cuts import format_cut

__all__ = ["lag", "overtaken"]
UNMARKED: dict[str, Any] = {"pinned": False, "archived": False, "folderId": None, "settings": {}, "temporary": False}


def events(world: World, kind: type) -> list[Any]:
    return [event for event, _ in world.log.all_of(ACCOUNT_EVENTS) if isinstance(event, kind)]


async def mark(client: httpx.AsyncClient, conversation: str, **marks: Any) -> httpx.Response:
    return await client.patch(f"{PATH}/{conversation}/marks", json=marks)


async def shown(client: httpx.AsyncClient, conversation: str) -> dict[str, Any]:
    found = (await client.get(f"{PATH}/{conversation}")).json()
    return {name: found[name] for name in UNMARKED}


async def listed(client: httpx.AsyncClient, query: str = "") -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        answer = await client.get(f"{PATH}?limit=1{query}{cursor}")
        assert answer.status_code == 200, answer.text
        found += [row["id"] for row in answer.json()["data"]]
        if answer.json()["nextCursor"] is None:
            return found
        cursor = f"&cursor={answer.json()['nextCursor']}"


@pytest.fixture
def level_four() -> Iterator[None]:
    set_write_level(4)
    yield
    set_write_level(WRITE_LEVEL)


async def test_a_conversation_is_marked_and_unmarked(world: World, alice: httpx.AsyncClient) -> None:
    conversation, folder = await begun(alice), (await alice.post("/api/v1/folders", json={"name": "Work"})).json()["id"]
    assert (await alice.post(PATH, json={})).json().items() >= UNMARKED.items()
    assert await shown(alice, conversation) == UNMARKED
    answer = await mark(alice, conversation, pinned=True, folderId=folder)
    assert answer.status_code == 200
    assert answer.headers["x-verbatim-position"].startswith("account-events/")
    marked = {**UNMARKED, "pinned": True, "folderId": folder}
    assert answer.json().items() >= marked.items()
    assert await shown(alice, conversation) == marked
    assert (await alice.patch(f"{PATH}/{conversation}", json={"title": "T"})).json().items() >= marked.items()
    answer = await mark(alice, conversation, archived=True, pinned=False, folderId=None)
    assert await shown(alice, conversation) == {**UNMARKED, "archived": True}
    assert answer.json().items() >= {**UNMARKED, "archived": True}.items()
    found = (await alice.get("/api/v1/search?q=T")).json()["data"][0]["conversation"]
    assert found.items() >= {**UNMARKED, "archived": True}.items()
    assert [event.folder_id for event in events(world, ConversationsMarked)] == [folder, ""]


async def test_what_is_in_a_folder_is_in_none_once_it_is_deleted(alice: httpx.AsyncClient) -> None:
    conversation, folder = await begun(alice), (await alice.post("/api/v1/folders", json={"name": "Work"})).json()["id"]
    await mark(alice, conversation, folder_id=folder)
    assert await listed(alice, f"&folder={folder}") == [conversation]
    await alice.delete(f"/api/v1/folders/{folder}")
    assert await shown(alice, conversation) == UNMARKED
    assert await listed(alice, f"&folder={folder}") == []
    assert refusal(await mark(alice, conversation, folder_id=folder)) == (404, "not_found")


@pytest.mark.parametrize("body", [{}, {"pinned": None}, {"pinned": "yes"}, {"folder_id": ""}, {"starred": True}])
async def test_marks_say_what_they_change(world: World, alice: httpx.AsyncClient, body: Any) -> None:
    conversation = await begun(alice)
    assert (await mark(alice, conversation, **body)).status_code == 400
    assert (await alice.post("/api/v1/marks", json={"conversationIds": [conversation], **body})).status_code == 400
    assert events(world, ConversationsMarked) == []


async def test_many_are_marked_at_once_all_or_none(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine, theirs = [await begun(alice) for _ in range(3)], await begun(bob)
    answer = await alice.post("/api/v1/marks", json={"conversationIds": [*mine, mine[0]], "archived": True})
    assert answer.status_code == 204
    (record,) = events(world, ConversationsMarked)
    assert (record.conversation_ids, record.archived, record.pinned) == (tuple(mine), True, None)
    for wrong in (theirs, ids.user_id("nothing"), "x"):
        answer = await alice.post("/api/v1/marks", json={"conversation_ids": [mine[0], wrong], "pinned": True})
        assert (answer.status_code, answer.json()["error"]["param"]) == (404, "conversation_ids")
    await alice.delete(f"{PATH}/{mine[0]}")
    answer = await alice.post("/api/v1/marks", json={"conversation_ids": [mine[0]], "pinned": True})
    assert answer.status_code == 404
    for wrong_list in ([], [str(n) for n in range(101)]):
        answer = await alice.post("/api/v1/marks", json={"conversation_ids": wrong_list, "pinned": True})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "conversation_ids")
    assert len(events(world, ConversationsMarked)) == 1
    assert await shown(bob, theirs) == UNMARKED


async def test_marks_are_put_once_a_key(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    path, body = f"{PATH}/{conversation}/marks", {"pinned": True}
    first = await alice.patch(path, json=body, headers=KEY)
    await mark(alice, conversation, pinned=False)
    again = await alice.patch(path, json=body, headers=KEY)
    assert (is_repeat(first), is_repeat(again), again.json()["pinned"]) == (False, True, False)
    assert refusal(await alice.patch(path, json={"archived": True}, headers=KEY)) == REUSED
    many = {"conversation_ids": [conversation], "pinned": True}
    assert not is_repeat(await alice.post("/api/v1/marks", json=many, headers=KEY))
    assert is_repeat(await alice.post("/api/v1/marks", json=many, headers=KEY))
    assert len(events(world, ConversationsMarked)) == 3


async def test_of_two_marks_at_once_the_first_in_the_log_counts(
    alice: httpx.AsyncClient, overtaken: Callable[[Callable[[Any], Any]], None]
) -> None:
    conversation = await begun(alice)
    overtaken(lambda record: replace(record, pinned=False, request_hash="theirs"))
    answer = await alice.patch(f"{PATH}/{conversation}/marks", json={"pinned": True}, headers=KEY)
    assert refusal(answer) == REUSED
    assert await shown(alice, conversation) == UNMARKED


async def test_settings_of_a_conversation_are_whole(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    path = f"{PATH}/{conversation}/settings"
    whole = {
        "model": "verbatim-local",
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "topP": 0.9,
        "maxTokens": 100,
    }
    answer = await alice.put(path, json=whole)
    assert (answer.status_code, answer.json()["settings"]) == (200, whole)
    assert (await shown(alice, conversation))["settings"] == whole
    await alice.put(path, json={"top_p": 1, "model": None})
    assert (await shown(alice, conversation))["settings"] == {"topP": 1.0}
    assert (await alice.put(path, json={})).json()["settings"] == {}
    assert await shown(alice, conversation) == UNMARKED
    assert len(events(world, ConversationSettingsChanged)) == 3
    assert is_repeat(await alice.put(path, json=whole, headers=KEY)) is False
    assert is_repeat(await alice.put(path, json=whole, headers=KEY)) is True


@pytest.mark.parametrize("settings", [Sealed("k", b"n", b"c"), "{", "[]"])
async def test_settings_that_cannot_be_read_are_none(world: World, alice: httpx.AsyncClient, settings: Any) -> None:
    conversation, user = await begun(alice), ids.user_id("alice")
    envelope = world.log.all_of(ACCOUNT_EVENTS)[0][0].envelope
    record = ConversationSettingsChanged(
        envelope=envelope, user_id=user, conversation_id=conversation, settings=settings
    )
    world.log.append(ACCOUNT_EVENTS, user, record)
    assert await shown(alice, conversation) == UNMARKED
    assert await listed(alice) == [conversation]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("model", "no-such-model", 404),
        ("systemPrompt", "", 400),
        ("temperature", 2.1, 400),
        ("temperature", -1, 400),
        ("topP", 1.5, 400),
        ("maxTokens", 0, 400),
        ("seed", 1, 400),
    ],
)
async def test_a_conversations_setting_out_of_its_range_is_refused(
    alice: httpx.AsyncClient, name: str, value: Any, status: int
) -> None:
    conversation = await begun(alice)
    answer = await alice.put(f"{PATH}/{conversation}/settings", json={name: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, name)
    assert await shown(alice, conversation) == UNMARKED


async def test_lists_choose(alice: httpx.AsyncClient) -> None:
    old, pinned, archived, other = [await begun(alice) for _ in range(4)]
    await mark(alice, pinned, pinned=True)
    await mark(alice, archived, archived=True, pinned=True)
    await said(alice, other, "hi", model="verbatim-local-llmapi")
    assert await listed(alice) == [other, pinned, old]
    assert await listed(alice, "&archived=false") == [other, pinned, old]
    assert await listed(alice, "&archived=true") == [archived]
    assert await listed(alice, "&pinned=true") == [pinned]
    assert await listed(alice, "&pinned=false") == [other, old]
    assert await listed(alice, "&pinned=true&archived=true") == [archived]
    assert await listed(alice, "&model=verbatim-local-llmapi") == [other]
    assert await listed(alice, "&from=2026-01-01") == [other, pinned, old]
    assert await listed(alice, "&to=2026-01-01") == []
    assert await listed(alice, "&from=2026-01-01T00:00:00Z&to=9999-12-31") == [other, pinned, old]
    assert await listed(alice, "&from=9999-12-31") == []


@pytest.mark.parametrize("query", ["from=x", "to=2026-13-01", "from=2026-11-21T8", "pinned=perhaps", "folder="])
async def test_what_chooses_nothing_is_refused(alice: httpx.AsyncClient, query: str) -> None:
    answer = await alice.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, query.partition("=")[0])


async def test_own_marks_are_seen_at_once(lag: Lag, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    lag.unseen(ConversationsMarked)
    await mark(alice, conversation, archived=True)
    assert await listed(alice) == []
    lag.unseen(ConversationsMarked)
    position = (await mark(alice, conversation, archived=False)).headers["x-verbatim-position"]
    found = await alice.get(f"{PATH}/{conversation}", headers={"X-Verbatim-Position": position})
    assert found.json()["archived"] is False
    assert {ACCOUNT_EVENTS} in lag.waited


async def test_the_past_has_its_marks_where_the_moment_names_them(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    await mark(alice, conversation, pinned=True)
    await alice.put(f"{PATH}/{conversation}/settings", json={"temperature": 1})
    ends = {place: len(records) for place, records in world.log.partitions.items() if place[0] != "token-chunks"}
    await mark(alice, conversation, pinned=False)
    past = (await then(alice, conversation, format_cut(ends))).json()
    assert (past["pinned"], past["settings"]) == (True, {"temperature": 1.0})
    said_alone = {place: end for place, end in ends.items() if place[0] != ACCOUNT_EVENTS}
    assert (await then(alice, conversation, format_cut(said_alone))).json().items() >= UNMARKED.items()


@pytest.mark.usefixtures("level_four")
async def test_until_the_upgrade_is_finished_nothing_is_marked(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    for answer in (
        await mark(alice, conversation, pinned=True),
        await alice.post("/api/v1/marks", json={"conversation_ids": [conversation], "pinned": True}),
        await alice.put(f"{PATH}/{conversation}/settings", json={}),
    ):
        assert refusal(answer) == (400, "unsupported_parameter")
    assert await shown(alice, conversation) == UNMARKED
    assert await listed(alice) == [conversation]
    assert await listed(alice, "&archived=true") == []
    assert events(world, ConversationsMarked) == []
