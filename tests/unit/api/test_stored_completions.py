"""Chat completions that are kept: listed, read, changed and deleted by their owner alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from api.consistency.upgrading import PARTS_FROM_LEVEL
from schemas.codec import set_write_level
from schemas.conversation import GenerationDeleted, GenerationMetadataChanged, PromptSubmitted, Request
from schemas.generation import Failure
from schemas.registry import WRITE_LEVEL
from tests.eventually import eventually
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.memory_log import Attempt
from tests.unit.api.sdk import sdk
from tests.unit.api.test_choices import calling
from tests.unit.api.test_images import picture, text
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


def body(said: str = "hi", **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": [{"role": "user", "content": said}], "store": True, **fields}


async def kept(client: httpx.AsyncClient, said: str = "hi", **fields: Any) -> dict[str, Any]:
    answer = await client.post(CHAT, json=body(said, **fields))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get(CHAT, params=params)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_what_is_kept_is_read_as_it_was_answered(world: World, alice: httpx.AsyncClient) -> None:
    said = await kept(alice, metadata={"a": "b"})
    command = world.log.all_of(CONVERSATION_EVENTS)[0][0]
    assert isinstance(command, PromptSubmitted)
    assert command.request == Request(surface="chat_completions", store=True, metadata='{"a": "b"}')
    assert (await alice.get(f"{CHAT}/{said['id']}")).json() == {**said, "metadata": {"a": "b"}}
    world.recorded = False  # the outcome is not in the projections yet
    other = await kept(alice, n=2)
    assert (await alice.get(f"{CHAT}/{other['id']}")).json() == {**other, "metadata": {}}
    assert await listed(alice) == [said["id"], other["id"]]
    assert len(world.adapters.hub) == 0


async def test_what_is_not_to_be_kept_is_not_there(world: World, alice: httpx.AsyncClient) -> None:
    for fields in ({"store": False}, {"store": None}, {"store": False, "metadata": {"a": "b"}}):
        said = await kept(alice, **fields)
        assert (await alice.get(f"{CHAT}/{said['id']}")).status_code == 404
    assert all(event.request is None for event, _ in world.log.all_of(CONVERSATION_EVENTS))
    assert await listed(alice) == []


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_only_what_was_answered_is_shown(world: World, alice: httpx.AsyncClient, end: str) -> None:
    def script(attempt: Any) -> None:
        attempt.start().chunk("a")
        if end == "failed":
            attempt.end("failed", Failure("engine_failed", "No.", True))
        elif end == "cancelled":
            attempt.ended_from_outside("cancelled")

    world.script = script
    await alice.post(CHAT, json=body())
    command = world.log.all_of(CONVERSATION_EVENTS)[0][0]
    completion = "chatcmpl-" + command.generation_id.replace("-", "")
    assert (await alice.get(f"{CHAT}/{completion}")).status_code == 404
    assert await listed(alice) == []


async def test_while_it_runs_it_is_not_there(world: World, alice: httpx.AsyncClient) -> None:
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start().chunk("a"))
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(alice.post(CHAT, json=body()))
        await eventually(lambda: len(attempts) == 1)
        completion = "chatcmpl-" + attempts[0].turn.generation_id.replace("-", "")
        assert (await alice.get(f"{CHAT}/{completion}")).status_code == 404
        assert await listed(alice) == []
        attempts[0].end()
    assert asked.result().json()["id"] == completion
    assert await listed(alice) == [completion]


async def test_lists(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    ids = [(await kept(alice, str(n), metadata={"parity": str(n % 2), "n": str(n)}))["id"] for n in range(5)]
    await kept(bob)
    assert await listed(alice) == ids
    assert await listed(alice, order="desc") == ids[::-1]
    assert await listed(alice, limit=2) == ids[:2]
    assert await listed(alice, limit=2, after=ids[1]) == ids[2:4]
    assert await listed(alice, limit=100, after=ids[3], order="desc") == ids[:3][::-1]
    assert await listed(alice, **{"metadata[parity]": "1"}) == ids[1::2]
    assert await listed(alice, **{"metadata[parity]": "1", "metadata[n]": "3"}) == [ids[3]]
    assert await listed(alice, **{"metadata[" + "k" * 65 + "]": "1"}) == []
    assert await listed(alice, model="verbatim-local") == ids
    assert await listed(alice, model="another") == []
    page = (await alice.get(CHAT, params={"limit": 3})).json()
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", ids[0], ids[2], True)
    page = (await alice.get(CHAT, params={"limit": 5})).json()
    assert (page["last_id"], page["has_more"]) == (ids[4], False)


async def test_failed_ones_leave_no_gap_in_a_page(world: World, alice: httpx.AsyncClient) -> None:
    answers, ids = world.script, []
    for n in range(6):
        world.script = answers
        if n % 2:
            world.script = lambda attempt: attempt.start().end("failed", Failure("engine_failed", "No.", True))
        answer = await alice.post(CHAT, json=body())
        ids += [answer.json()["id"]] if answer.status_code == 200 else []
    assert len(ids) == 3
    assert await listed(alice, limit=3) == ids
    assert await listed(alice, limit=2) == ids[:2]


@pytest.mark.parametrize(
    ("params", "param", "status"),
    [
        ({"limit": 0}, "limit", 400),
        ({"limit": 101}, "limit", 400),
        ({"order": "up"}, "order", 400),
        ({"after": "chatcmpl-x"}, "after", 404),
        ({"after": "chatcmpl-" + "0" * 32}, "after", 404),
        ({f"metadata[{n}]": "x" for n in range(17)}, "metadata", 400),
    ],
)
async def test_wrong_questions(alice: httpx.AsyncClient, params: dict[str, Any], param: str, status: int) -> None:
    await kept(alice)
    answer = await alice.get(CHAT, params=params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text


async def test_other_metadata(world: World, alice: httpx.AsyncClient) -> None:
    said = await kept(alice, metadata={"a": "b"})
    path = f"{CHAT}/{said['id']}"
    changed = await alice.post(path, json={"metadata": {"c": "d"}})
    assert changed.json() == {**said, "metadata": {"c": "d"}}
    assert (await alice.get(path)).json()["metadata"] == {"c": "d"}
    assert await listed(alice, **{"metadata[c]": "d"}) == [said["id"]]
    keyed = {"Idempotency-Key": "k"}
    assert (await alice.post(path, json={"metadata": None}, headers=keyed)).json()["metadata"] == {}
    again = await alice.post(path, json={"metadata": None}, headers=keyed)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert (await alice.post(path, json={"metadata": {"e": "f"}}, headers=keyed)).status_code == 422
    for wrong, param in (({}, "metadata"), ({"metadata": {"a": 1}}, "metadata.a"), ({"metadata": 7}, "metadata")):
        answer = await alice.post(path, json=wrong)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    many = {str(n): "x" for n in range(17)}
    assert (await alice.post(path, json={"metadata": many})).status_code == 400


async def test_deleted_for_good(world: World, alice: httpx.AsyncClient) -> None:
    said, other = await kept(alice, n=3), await kept(alice)
    deleted = await alice.delete(f"{CHAT}/{said['id']}")
    assert deleted.json() == {"object": "chat.completion.deleted", "id": said["id"], "deleted": True}
    for method in ("GET", "DELETE"):
        assert (await alice.request(method, f"{CHAT}/{said['id']}")).status_code == 404
    assert (await alice.post(f"{CHAT}/{said['id']}", json={"metadata": {}})).status_code == 404
    assert (await alice.get(f"{CHAT}/{said['id']}/messages")).status_code == 404
    assert await listed(alice) == [other["id"]]
    gone = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, GenerationDeleted)]
    assert len({event.generation_id for event in gone}) == 3


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "MESSAGES"])
async def test_others_and_unknown_ones_are_the_same_404(
    world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient, method: str
) -> None:
    said = await kept(alice)
    unknown = "chatcmpl-" + "0" * 32

    async def tried(completion: str) -> tuple[int, str]:
        path = f"{CHAT}/{completion}" + ("/messages" if method == "MESSAGES" else "")
        verb = "GET" if method == "MESSAGES" else method
        answer = await bob.request(verb, path, json={"metadata": {}} if verb == "POST" else None)
        return answer.status_code, answer.text.replace(completion, "ID")

    assert await tried(said["id"]) == await tried(unknown)
    for shapeless in ("x", "chatcmpl-", "chatcmpl-" + "G" * 32, "chatcmpl-" + "A" * 32, said["id"].upper()):
        assert (await tried(shapeless))[0] == 404
    assert await listed(alice) == [said["id"]]


async def test_other_choices_are_no_completions_of_their_own(world: World, alice: httpx.AsyncClient) -> None:
    await kept(alice, n=2)
    generations = {event.turn.generation_id for event, _ in world.log.all_of("generation-outcomes")}
    codes = [
        (await alice.get(f"{CHAT}/chatcmpl-{generation.replace('-', '')}")).status_code for generation in generations
    ]
    assert sorted(codes) == [200, 404]


async def test_the_messages_that_were_answered() -> None:
    world = World(script=calling, models=catalogue_of(able(*ALL)))
    async with world.client(world.add_key("alice", "a")) as alice:
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        history = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [text("What is this?"), picture()], "name": "Ann"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ]
        said = await kept(alice, messages=history)
        path = f"{CHAT}/{said['id']}/messages"
        found = (await alice.get(path)).json()
        assert [message["id"] for message in found["data"]] == [f"{said['id']}-{n}" for n in range(4)]
        assert [message["role"] for message in found["data"]] == ["system", "user", "assistant", "tool"]
        assert [message["content"] for message in found["data"]] == ["Be brief.", "What is this?", None, "rain"]
        assert found["data"][1]["content_parts"] == [text("What is this?"), picture(detail="auto")]
        assert found["data"][1]["name"] == "Ann"
        assert found["data"][2]["tool_calls"] == [call]
        assert found["data"][3]["tool_call_id"] == "c1"
        assert found["has_more"] is False
        some = (await alice.get(path, params={"limit": 2, "order": "desc", "after": f"{said['id']}-3"})).json()
        assert ([message["id"][-1] for message in some["data"]], some["has_more"]) == (["2", "1"], True)
        assert (await alice.get(path, params={"after": "x"})).status_code == 400
        world.blobs.away = True
        assert (await alice.get(path)).status_code == 503


async def test_the_official_client(world: World) -> None:
    async with sdk(world) as client:
        messages: list[Any] = [{"role": "user", "content": "hi"}]
        made = [
            await client.chat.completions.create(
                model="verbatim-local", messages=messages, store=True, metadata={"n": str(n)}
            )
            for n in range(5)
        ]
        ids = [one.id for one in made]
        assert [one.id async for one in client.chat.completions.list(limit=2)] == ids
        assert [one.id async for one in client.chat.completions.list(metadata={"n": "3"}, order="desc")] == [ids[3]]
        one = await client.chat.completions.retrieve(ids[0])
        assert one.choices == made[0].choices
        updated = await client.chat.completions.update(ids[0], metadata={"x": "y"})
        assert updated.model_dump()["metadata"] == {"x": "y"}
        assert (await client.chat.completions.delete(ids[0])).deleted
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.retrieve(ids[0])


async def test_keeping_waits_for_the_end_of_the_upgrade(world: World, alice: httpx.AsyncClient) -> None:
    set_write_level(PARTS_FROM_LEVEL - 1)
    answer = await alice.post(CHAT, json=body())
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "store")
    assert (await alice.post(CHAT, json=body(store=False, metadata={"a": "b"}))).status_code == 200


async def test_of_two_notes_under_one_key_the_first_stays(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await kept(alice)
    send = world.log.send

    async def overtaken(topic: Any, key: str, event: Any) -> Any:
        if isinstance(event, GenerationMetadataChanged) and event.request_hash:
            first = replace(event, metadata='{"who": "first"}', request_hash="another")
            await send(topic, key, first)
        return await send(topic, key, event)

    monkeypatch.setattr(world.log, "send", overtaken)
    second = {"metadata": {"who": "second"}}
    answer = await alice.post(f"{CHAT}/{said['id']}", json=second, headers={"Idempotency-Key": "once"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert (await alice.get(f"{CHAT}/{said['id']}")).json()["metadata"] == {"who": "first"}
