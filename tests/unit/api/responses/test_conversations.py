"""/v1/conversations: the same conversations that /api/v1 and responses have, seen in another shape."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.responses.shapes import conversation_behind, conversation_id_shown
from schemas.conversation import (
    ConversationDeleted,
    ConversationMetadataChanged,
    ConversationStarted,
    MessageDeleted,
    MessagesAppended,
    PromptSubmitted,
)
from tests.unit.api.test_conversations import PATH as OURS
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

PATH = "/v1/conversations"
KEY = {"Idempotency-Key": "once"}
REUSED = (422, "idempotency_key_reused")


def commands(world: World, kind: type | None = None) -> list[Any]:
    found = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS)]
    return [event for event in found if kind is None or type(event) is kind]


def text(item: dict[str, Any]) -> str:
    return "".join(part["text"] for part in item["content"])


def said(role: str, content: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


async def made(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(client: httpx.AsyncClient, conversation: str, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"{PATH}/{conversation}/items", params={"order": "asc", **params})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_one_is_created_with_items_and_read_again(world: World, alice: httpx.AsyncClient) -> None:
    items = [said("user", "Hi"), said("assistant", "Hello"), said("developer", "Be brief")]
    conversation = await made(alice, items=items, metadata={"a": "b"})
    started, appended = commands(world)
    assert isinstance(started, ConversationStarted) and isinstance(appended, MessagesAppended)
    assert (started.metadata, appended.parent_message_id) == ('{"a": "b"}', None)
    assert conversation == {
        "id": conversation_id_shown(started.conversation_id),
        "object": "conversation",
        "created_at": started.envelope.occurred_at_us // 1_000_000,
        "metadata": {"a": "b"},
    }
    assert (await alice.get(f"{PATH}/{conversation['id']}")).json() == conversation
    shown = await listed(alice, conversation["id"])
    assert [(item["role"], text(item), item["status"]) for item in shown] == [
        ("user", "Hi", "completed"),
        ("assistant", "Hello", "completed"),
        ("system", "Be brief", "completed"),
    ]
    one = await alice.get(f"{PATH}/{conversation['id']}/items/{shown[1]['id']}")
    assert one.json() == shown[1]


async def test_an_empty_one(world: World, alice: httpx.AsyncClient) -> None:
    answer = await alice.post(PATH)
    assert (answer.status_code, answer.json()["metadata"]) == (200, {})
    page = (await alice.get(f"{PATH}/{answer.json()['id']}/items")).json()
    assert page == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert [type(event) for event in commands(world)] == [ConversationStarted]


async def test_what_was_said_over_one_surface_is_listed_over_the_others(world: World, alice: httpx.AsyncClient) -> None:
    response = (await alice.post("/v1/responses", json={"model": "verbatim-local", "input": "one"})).json()
    ours = commands(world, ConversationStarted)[0].conversation_id
    conversation = conversation_id_shown(ours)
    await alice.post(f"{OURS}/{ours}/messages", json={"content": "two"})
    await alice.post(f"{PATH}/{conversation}/items", json={"items": [said("user", "three")]})
    follows = (
        await alice.post(
            "/v1/responses", json={"model": "verbatim-local", "input": "four", "conversation": conversation}
        )
    ).json()
    shown = await listed(alice, conversation)
    assert [text(item) for item in shown] == [
        "one",
        "Hello world",
        "two",
        "Hello world",
        "three",
        "four",
        "Hello world",
    ]
    assert (shown[1], shown[-1]) == (response["output"][0], follows["output"][0])
    assert (
        commands(world, PromptSubmitted)[-1].parent_message_id
        == commands(world, MessagesAppended)[0].messages[-1].message_id
    )
    over_ours = (await alice.get(f"{OURS}/{ours}/messages")).json()["data"]
    assert [row["content"] for row in over_ours] == [text(item) for item in shown]
    assert [row["id"] for row in (await alice.get(OURS)).json()["data"]] == [ours]
    begun = (await alice.post(OURS, json={"title": "T"})).json()["id"]
    assert (await alice.get(f"{PATH}/{conversation_id_shown(begun)}")).json()["metadata"] == {}
    made_here = await made(alice)
    assert (await alice.get(f"{OURS}/{conversation_behind(made_here['id'])}")).status_code == 200


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_items_are_listed_in_pages(alice: httpx.AsyncClient, order: str) -> None:
    conversation = (await made(alice, items=[said("user", str(nth)) for nth in range(5)]))["id"]
    several = [said("user", letter) for letter in "abc"]
    await alice.post("/v1/responses", json={"model": "verbatim-local", "input": several, "conversation": conversation})
    wanted = [*"01234", *"abc", "Hello world"]
    wanted = wanted if order == "asc" else wanted[::-1]
    for limit in range(1, len(wanted) + 1):
        found: list[str] = []
        after = ""
        while True:
            query = f"order={order}&limit={limit}{after}"
            page = (await alice.get(f"{PATH}/{conversation}/items?{query}")).json()
            found += [text(item) for item in page["data"]]
            assert page["has_more"] == (len(found) < len(wanted))
            if not page["has_more"]:
                break
            assert len(page["data"]) == limit
            after = f"&after={page['last_id']}"
        assert found == wanted


async def test_metadata_is_replaced_whole(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await made(alice, metadata={"a": "b"})
    path = f"{PATH}/{conversation['id']}"
    changed = await alice.post(path, json={"metadata": {"c": "d"}}, headers=KEY)
    assert changed.json() == conversation | {"metadata": {"c": "d"}} == (await alice.get(path)).json()
    again = await alice.post(path, json={"metadata": {"c": "d"}}, headers=KEY)
    assert "idempotent-replayed" in again.headers
    other = await alice.post(path, json={"metadata": {}}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == REUSED
    assert len(commands(world, ConversationMetadataChanged)) == 1
    assert (await alice.post(path, json={"metadata": None})).json()["metadata"] == {}


async def test_deletion_is_final(world: World, alice: httpx.AsyncClient) -> None:
    response = (await alice.post("/v1/responses", json={"model": "verbatim-local", "input": "one"})).json()
    path = f"{PATH}/{conversation_id_shown(commands(world)[0].conversation_id)}"
    answer = await alice.delete(path, headers=KEY)
    deleted = {"id": path.rpartition("/")[2], "object": "conversation.deleted", "deleted": True}
    assert (answer.status_code, answer.json()) == (200, deleted)
    assert (await alice.delete(path, headers=KEY)).json() == deleted
    for gone in (path, f"{path}/items", f"/v1/responses/{response['id']}"):
        assert (await alice.get(gone)).status_code == 404
    assert (await alice.delete(path)).status_code == 404
    assert len(commands(world, ConversationDeleted)) == 1


async def test_an_item_is_deleted(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await made(alice, items=[said("user", "one"), said("assistant", "two")])
    response = (
        await alice.post(
            "/v1/responses", json={"model": "verbatim-local", "input": "x", "conversation": conversation["id"]}
        )
    ).json()
    path = f"{PATH}/{conversation['id']}/items"
    first, _, prompt, answer = await listed(alice, conversation["id"])
    for item in (first, answer):
        gone = await alice.delete(f"{path}/{item['id']}", headers=KEY)
        assert (gone.status_code, gone.json()) == (200, conversation)
        assert "idempotent-replayed" in (await alice.delete(f"{path}/{item['id']}", headers=KEY)).headers
        assert (await alice.get(f"{path}/{item['id']}")).status_code == 404
        assert (await alice.delete(f"{path}/{item['id']}")).status_code == 404
        assert (await alice.get(path, params={"after": item["id"]})).status_code == 404
    assert [text(item) for item in await listed(alice, conversation["id"])] == ["two", text(prompt)]
    assert len(commands(world, MessageDeleted)) == 2
    assert (await alice.get(f"/v1/responses/{response['id']}")).status_code == 404


async def test_a_key_appends_once(world: World, alice: httpx.AsyncClient) -> None:
    created = [await alice.post(PATH, json={"items": [said("user", "1")]}, headers=KEY) for _ in range(2)]
    assert created[0].json() == created[1].json()
    assert [("idempotent-replayed" in answer.headers) for answer in created] == [False, True]
    other = await alice.post(PATH, json={"items": [said("user", "2")]}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == REUSED
    path = f"{PATH}/{created[0].json()['id']}/items"
    appended = [await alice.post(path, json={"items": [said("user", "2")]}, headers=KEY) for _ in range(2)]
    assert appended[0].json() == appended[1].json()
    other = await alice.post(path, json={"items": [said("user", "3")]}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == REUSED
    assert [text(item) for item in await listed(alice, created[0].json()["id"])] == ["1", "2"]
    assert len(commands(world, MessagesAppended)) == 2


async def test_results_know_their_calls(world: World, alice: httpx.AsyncClient) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
    conversation = (await made(alice, items=[said("user", "?"), said("assistant", "Wait"), call]))["id"]
    path = f"{PATH}/{conversation}/items"
    answer = await alice.post(path, json={"items": [result]})
    assert answer.status_code == 200, answer.text
    assert commands(world, MessagesAppended)[-1].messages[0].message.parts[0].name == "look"
    shown = await listed(alice, conversation)
    assert [item["type"] for item in shown] == ["message", "message", "function_call", "function_call_output"]
    wrong = await alice.post(path, json={"items": [{**result, "call_id": "c2"}]})
    assert wrong.status_code == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"items": [said("user", "x")] * 21}, "items"),
        ({"metadata": {str(nth): "x" for nth in range(17)}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"items": [said("user", "x"), {"type": "message", "role": "nobody", "content": "x"}]}, "items[1].role"),
        ({"items": "x"}, "items"),
    ],
)
async def test_what_is_wrong_is_named(world: World, alice: httpx.AsyncClient, body: Any, param: str) -> None:
    answer = await alice.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert commands(world) == []


async def test_nobody_sees_anothers(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    conversation = (await made(alice, items=[said("user", "x")]))["id"]
    item = (await listed(alice, conversation))[0]["id"]
    for identity in (conversation, "conv_" + "0" * 32, "nonsense"):
        path = f"{PATH}/{identity}"
        for asked in (
            bob.get(path),
            bob.post(path, json={"metadata": {}}),
            bob.delete(path),
            bob.get(f"{path}/items"),
            bob.post(f"{path}/items", json={"items": [said("user", "x")]}),
            bob.get(f"{path}/items/{item}"),
            bob.delete(f"{path}/items/{item}"),
        ):
            answer = await asked
            assert (answer.status_code, answer.json()["error"]["param"]) == (404, "conversation_id")
    other = (await made(bob))["id"]
    for unknown in (item, "msg_0", "nonsense"):
        assert (await bob.get(f"{PATH}/{other}/items/{unknown}")).status_code == 404
        assert (await bob.delete(f"{PATH}/{other}/items/{unknown}")).status_code == 404
        assert (await bob.get(f"{PATH}/{other}/items", params={"after": unknown})).status_code == 404


async def test_what_was_just_answered_is_waited_for(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post("/v1/responses", json={"model": "verbatim-local", "input": "one"})
    prompt = commands(world, PromptSubmitted)[0]
    assert world.adapters.own_writes.seen(prompt.conversation_id).generations == (prompt.generation_id,)


async def test_none_is_begun_with_items_that_are_wrong(world: World, alice: httpx.AsyncClient) -> None:
    result = {"type": "function_call_output", "call_id": "nobody's", "output": "x"}
    answer = await alice.post(PATH, json={"items": [said("user", "Hi"), result]})
    assert answer.status_code == 400
    assert commands(world) == []


async def test_a_deleted_prompt_is_shown_and_told_by_no_other_way(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await made(alice)
    asked = {"model": "verbatim-local", "input": "secret", "conversation": conversation["id"]}
    response = (await alice.post("/v1/responses", json=asked)).json()
    items = f"/v1/responses/{response['id']}/input_items"
    (prompt,) = (await alice.get(items)).json()["data"]
    gone = await alice.delete(f"{PATH}/{conversation['id']}/items/{prompt['id']}")
    assert gone.status_code == 200
    assert (await alice.get(items)).json()["data"] == []
    reference = [{"type": "item_reference", "id": prompt["id"]}, said("user", "And?")]
    answer = await alice.post("/v1/responses", json={"model": "verbatim-local", "input": reference})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input[0].id")
