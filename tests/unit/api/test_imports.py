"""POST /api/v1/conversations/import: a conversation of another product, whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from api.moving.import_routes import IMPORTS_FROM_LEVEL
from schemas import ids
from schemas.codec import set_write_level
from schemas.conversation import ConversationStarted, MessagesAppended
from schemas.registry import WRITE_LEVEL
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

IMPORT = "/api/v1/conversations/import"


def body(*messages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "source": {"product": "chatgpt", "id": "abc"},
        "title": "Rivers",
        "createdAt": "2024-03-01T10:00:00Z",
        "updatedAt": "2024-03-02T10:00:00Z",
        "messages": list(messages),
        **changes,
    }


def said(source_id: str, parent: str | None, role: str = "user", **changes: Any) -> dict[str, Any]:
    message = {"id": source_id, "parent": parent, "role": role, "content": f"says {source_id}"}
    return {**message, "createdAt": "2024-03-01T10:00:01Z", **changes}


TREE = (
    said("u1", None),
    said("a1", "u1", "assistant", model="gpt-4o"),
    said("u2", "a1"),
    said("a2", "u2", "assistant"),
    said("u3", "a1"),
    said("a3", "u3", "assistant"),
)


def events(world: World) -> list[Any]:
    return [record for record, _ in world.log.all_of(CONVERSATION_EVENTS)]


async def test_an_imported_conversation_is_listed_shown_and_exported_with_its_tree_and_times() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        answer = await client.post(IMPORT, json=body(*TREE))
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert (made["added"], made["known"], made["isNew"], made["shown"]) == (6, 0, True, True)
        listed = (await client.get("/api/v1/conversations")).json()["data"]
        assert [(each["id"], each["title"]) for each in listed] == [(made["id"], "Rivers")]
        assert listed[0]["createdAt"].startswith("2024-03-01T10:00:00")
        assert listed[0]["updatedAt"].startswith("2024-03-02T10:00:00")
        messages = (await client.get(f"/api/v1/conversations/{made['id']}/messages")).json()["data"]
    assert [each["content"] for each in messages] == [f"says {each['id']}" for each in TREE]
    places = {each["id"]: nth for nth, each in enumerate(messages)}
    assert [places.get(each["parentMessageId"]) for each in messages] == [None, 0, 1, 2, 1, 4]
    assert messages[1]["model"] == "gpt-4o"
    assert all(each["appended"] for each in messages)


async def test_its_records_are_history_and_the_one_that_lists_it_is_the_last() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        await client.post(IMPORT, json=body(*TREE))
    made = events(world)
    assert [type(each) for each in made] == [MessagesAppended, MessagesAppended, ConversationStarted]
    assert [len(each.messages) for each in made[:2]] == [4, 2]
    assert set(world.log.imported.values()) == {"chatgpt"}
    assert len(world.log.imported) == len(made)
    assert made[-1].conversation_id == ids.imported_conversation_id(ids.user_id("ann"), "chatgpt", "abc", 0)


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_a_crash_in_between_leaves_nothing_that_is_seen_and_a_repeat_completes_it(taken: int) -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        world.log.sends_left = taken
        assert (await client.post(IMPORT, json=body(*TREE))).status_code == 503
        assert (await client.get("/api/v1/conversations")).json()["data"] == []
        world.log.sends_left = None
        again = await client.post(IMPORT, json=body(*TREE))
        assert again.status_code == 201
        shown = await client.get(f"/api/v1/conversations/{again.json()['id']}/messages")
    assert [each["content"] for each in shown.json()["data"]] == [f"says {each['id']}" for each in TREE]


async def test_a_repeat_adds_nothing_and_a_longer_one_only_what_is_new() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        first = (await client.post(IMPORT, json=body(*TREE))).json()
        count = len(events(world))
        repeated = await client.post(IMPORT, json=body(*TREE))
        assert repeated.status_code == 200
        assert (repeated.json()["added"], repeated.json()["isNew"]) == (0, False)
        assert len(events(world)) == count
        longer = await client.post(IMPORT, json=body(*TREE, said("u4", "a3"), updatedAt="2024-04-01T00:00:00Z"))
        assert longer.json() == {"id": first["id"], "added": 1, "known": 6, "isNew": False, "shown": True}
        listed = (await client.get("/api/v1/conversations")).json()["data"]
    assert listed[0]["updatedAt"].startswith("2024-04-01")


async def test_a_long_one_comes_in_several_requests_and_is_shown_with_the_last() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        part = await client.post(IMPORT, json=body(*TREE[:2], more=True))
        assert (part.status_code, part.json()["shown"]) == (200, False)
        assert (await client.get("/api/v1/conversations")).json()["data"] == []
        assert (await client.post(IMPORT, json=body(*TREE[2:]))).status_code == 201
        assert len((await client.get("/api/v1/conversations")).json()["data"]) == 1


async def test_what_was_deleted_here_is_imported_again_as_another_conversation() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        first = (await client.post(IMPORT, json=body(*TREE))).json()["id"]
        assert (await client.delete(f"/api/v1/conversations/{first}")).status_code == 204
        second = (await client.post(IMPORT, json=body(*TREE))).json()
    assert second["id"] != first
    assert second["added"] == 6


async def test_the_same_conversation_of_two_users_is_two() -> None:
    world = World()
    made = []
    for name, letter in (("ann", "a"), ("bob", "b")):
        async with world.client(world.add_key(name, letter)) as client:
            made.append((await client.post(IMPORT, json=body(*TREE))).json()["id"])
    assert len(set(made)) == 2


async def test_an_imported_conversation_goes_on_here() -> None:
    world = World(script=saying("Here", " too."))
    async with world.client(world.add_key("ann", "a")) as client:
        made = (await client.post(IMPORT, json=body(*TREE, model="gpt-4o"))).json()["id"]
        await client.post(f"/api/v1/conversations/{made}/messages", json={"content": "And here?"})
        messages = (await client.get(f"/api/v1/conversations/{made}/messages")).json()["data"]
    assert [each["content"] for each in messages[-2:]] == ["And here?", "Here too."]
    assert messages[-2]["parentMessageId"] == messages[-3]["id"]


async def test_another_answer_in_place_of_an_imported_one_is_made_by_a_model_of_this_installation() -> None:
    world = World(script=saying("Here."))
    async with world.client(world.add_key("ann", "a")) as client:
        made = (await client.post(IMPORT, json=body(*TREE, model="gpt-4o"))).json()["id"]
        path = f"/api/v1/conversations/{made}/messages"
        answer = (await client.get(path)).json()["data"][1]
        assert (await client.post(f"{path}/{answer['id']}/regenerate", json={})).status_code == 200
        newest = (await client.get(path)).json()["data"][-1]
    assert (newest["content"], newest["model"]) == ("Here.", "verbatim-local")
    assert newest["parentMessageId"] == answer["parentMessageId"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a parent that is not there": (body(said("u1", "nothing")), "messages[0].parent"),
    "a parent that comes later": (body(said("u1", "a1"), said("a1", "u1")), "messages[0].parent"),
    "its own parent": (body(said("u1", "u1")), "messages[0].parent"),
    "an id twice": (body(said("u1", None), said("u1", None)), "messages[1].id"),
    "no words": (body(said("u1", None, content=None)), "messages[0]"),
    "words and parts": (body(said("u1", None, parts=[{"kind": "text", "text": "x"}])), "messages[0]"),
    "a time before all times": (body(said("u1", None, createdAt="1812-01-01T00:00:00Z")), "messages[0].created_at"),
    "a time to come": (body(said("u1", None), updatedAt="9999-01-01T00:00:00Z"), "updated_at"),
    "no time": (body(said("u1", None), createdAt="yesterday"), "created_at"),
    "a result in a prompt": (
        body(said("u1", None, content=None, parts=[{"kind": "tool_result", "text": "x", "call_id": "1"}])),
        "messages[0].parts[0].kind",
    ),
    "a call without an id": (
        body(said("a1", None, "assistant", content=None, parts=[{"kind": "tool_call", "text": "x"}])),
        "messages[0].parts[0].call_id",
    ),
    "a role that nobody has": (body(said("u1", None, "wizard")), "messages[0].role"),
    "nothing at all": (body(), "messages"),
    "a product that is no word": (body(said("u1", None), source={"product": "Chat GPT", "id": "1"}), "source.product"),
    "an unknown field": (body(said("u1", None), colour="red"), "colour"),
}


@pytest.mark.parametrize(("wrong", "param"), BAD.values(), ids=list(BAD))
async def test_a_body_that_is_wrong_is_refused_with_its_place_and_nothing_is_written(
    wrong: dict[str, Any], param: str
) -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        answer = await client.post(IMPORT, json=wrong)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert events(world) == []


async def test_none_is_taken_while_a_release_that_would_show_it_in_part_may_run() -> None:
    world = World()
    set_write_level(IMPORTS_FROM_LEVEL - 1)
    try:
        async with world.client(world.add_key("ann", "a")) as client:
            answer = await client.post(IMPORT, json=body(*TREE))
    finally:
        set_write_level(WRITE_LEVEL)
    assert answer.status_code == 400
    assert "until the upgrade is finished" in answer.json()["error"]["message"]
    assert events(world) == []


async def test_more_messages_than_one_request_takes_are_refused() -> None:
    world = World()
    async with world.client(world.add_key("ann", "a")) as client:
        chain = [said(str(n), str(n - 1) if n else None) for n in range(2001)]
        assert (await client.post(IMPORT, json=body(*chain))).status_code == 400
        assert (await client.post(IMPORT, json=body(*chain[:2000]))).status_code == 201
    records = events(world)
    assert len(records) == 101
    assert [len(each.messages) for each in records[:-1]] == [20] * 100
