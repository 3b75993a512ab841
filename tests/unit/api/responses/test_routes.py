"""/v1/responses: each way to ask, to read again, to end and to delete."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from api.responses.shapes import conversation_id_shown, generation_of
from schemas.codec import set_write_level
from schemas.conversation import ConversationStarted, GenerationDeleted, PromptSubmitted
from schemas.generation import GenerationEnded
from schemas.parts import ChunkPart
from schemas.registry import WRITE_LEVEL
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.memory_log import Attempt, turn_of
from tests.unit.api.responses.told import events, read_by_client
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.errors import RecordRefused

RESPONSES = "/v1/responses"
MODEL = "verbatim-local"
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}


def body(**said: Any) -> dict[str, Any]:
    return {"model": MODEL, "input": "hi", **said}


def commands(world: World) -> list[Any]:
    return [event for event, _ in world.log.all_of(CONVERSATION_EVENTS)]


async def made(client: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    answer = await client.post(RESPONSES, json=body(**said))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item.get("content", ()))


async def test_a_response_begins_a_conversation(world: World, alice: httpx.AsyncClient) -> None:
    response = await made(alice, instructions="Be brief", metadata={"a": "b"})
    assert (text_of(response), response["status"], response["metadata"]) == ("Hello world", "completed", {"a": "b"})
    started, prompt = commands(world)
    assert isinstance(started, ConversationStarted) and isinstance(prompt, PromptSubmitted)
    assert started.conversation_id == prompt.conversation_id
    assert (prompt.kind, prompt.content, prompt.parent_message_id) == ("chat", "hi", None)
    assert prompt.request is not None
    assert (prompt.request.surface, prompt.request.store) == ("responses", True)
    assert prompt.request.instructions == "Be brief"
    assert generation_of(response["id"]) == prompt.generation_id
    assert response["created_at"] == prompt.envelope.occurred_at_us // 1_000_000
    again = (await alice.get(f"{RESPONSES}/{response['id']}")).json()
    assert again == response


async def test_a_stream_is_the_same_whenever_it_is_asked_for(alice: httpx.AsyncClient) -> None:
    live = await alice.post(RESPONSES, json=body(stream=True))
    told = events(live.content)
    identity = told[0]["response"]["id"]
    read_by_client(live.content)
    for after in range(-1, len(told)):
        again = await alice.get(f"{RESPONSES}/{identity}", params={"stream": "true", "starting_after": after})
        assert events(again.content) == told[after + 1 :]
    whole = await alice.get(f"{RESPONSES}/{identity}?stream=true")
    assert whole.content == live.content
    beyond = await alice.get(f"{RESPONSES}/{identity}", params={"stream": "true", "starting_after": len(told)})
    assert (beyond.status_code, beyond.json()["error"]["param"]) == (400, "starting_after")
    assert str(len(told) - 1) in beyond.json()["error"]["message"]


async def test_one_goes_on_where_another_ended_and_branches(world: World, alice: httpx.AsyncClient) -> None:
    first = await made(alice)
    second = await made(alice, input="and?", previous_response_id=first["id"])
    branch = await made(alice, input="or?", previous_response_id=first["id"])
    prompts = [event for event in commands(world) if isinstance(event, PromptSubmitted)]
    assert len({prompt.conversation_id for prompt in prompts}) == 1
    assert [prompt.parent_message_id for prompt in prompts] == [None, *[generation_of(first["id"])] * 2]
    assert second["previous_response_id"] == branch["previous_response_id"] == first["id"]


async def test_one_goes_on_in_a_conversation(world: World, alice: httpx.AsyncClient) -> None:
    first = await made(alice)
    conversation = conversation_id_shown(commands(world)[0].conversation_id)
    second = await made(alice, conversation=conversation)
    assert second["conversation"] == {"id": conversation}
    assert commands(world)[-1].parent_message_id == generation_of(first["id"])


async def test_one_that_is_not_stored_is_nowhere(world: World, alice: httpx.AsyncClient) -> None:
    response = await made(alice, store=False)
    (prompt,) = commands(world)
    assert (prompt.kind, [message.content for message in prompt.messages]) == ("stateless", ["hi"])
    assert response["store"] is False
    assert (await alice.get(f"{RESPONSES}/{response['id']}")).status_code == 404
    follows = await alice.post(RESPONSES, json=body(previous_response_id=response["id"]))
    assert (follows.status_code, follows.json()["error"]["code"]) == (404, "previous_response_not_found")


async def test_a_tool_round() -> None:
    def calling(attempt: Attempt) -> None:
        attempt.start()
        attempt.chunk("", part=ChunkPart(0, "tool_call", "call_1", "look"))
        attempt.chunk("{}", part=ChunkPart(0, "tool_call"))
        attempt.end("tool_calls")

    world = World(script=calling, models=catalogue_of(able(*ALL)))
    async with world.client(world.add_key("alice", "a")) as alice:
        await a_tool_round(world, alice)


async def a_tool_round(world: World, alice: httpx.AsyncClient) -> None:
    first = await made(alice, tools=[TOOL], tool_choice="required")
    (call,) = first["output"]
    assert (call["type"], call["call_id"], call["name"], call["arguments"]) == ("function_call", "call_1", "look", "{}")
    result = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    await made(alice, input=[result], previous_response_id=first["id"])
    prompt = commands(world)[-1]
    assert (prompt.content, prompt.messages[0].role) == (None, "tool")
    assert (prompt.messages[0].parts[0].name, prompt.messages[0].parts[0].text) == ("look", "sunny")
    wrong = await alice.post(
        RESPONSES, json=body(input=[{**result, "call_id": "call_2"}], previous_response_id=first["id"])
    )
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "input")


async def test_in_the_background(world: World, alice: httpx.AsyncClient) -> None:
    world.script = None
    queued = await made(alice, background=True)
    assert (queued["status"], queued["output"], queued["usage"]) == ("queued", [], None)
    prompt, at = world.log.all_of(CONVERSATION_EVENTS)[-1]
    attempt = Attempt(world.log, turn_of(prompt, at)).start()
    attempt.chunk("Hel")
    running = (await alice.get(f"{RESPONSES}/{queued['id']}")).json()
    assert (running["status"], text_of(running)) == ("in_progress", "Hel")
    ended = (await alice.post(f"{RESPONSES}/{queued['id']}/cancel")).json()
    assert (ended["status"], text_of(ended)) == ("cancelled", "Hel")
    again = (await alice.post(f"{RESPONSES}/{queued['id']}/cancel")).json()
    assert again == ended
    (end,) = [event for event, _ in world.log.all_of(TOKEN_CHUNKS) if isinstance(event, GenerationEnded)]
    assert end.reason == "cancelled"
    told = events((await alice.get(f"{RESPONSES}/{queued['id']}?stream=true")).content)
    assert told[-1]["type"] == "response.incomplete"


async def test_one_that_was_waited_for_cannot_be_cancelled(alice: httpx.AsyncClient) -> None:
    response = await made(alice)
    answer = await alice.post(f"{RESPONSES}/{response['id']}/cancel")
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Cannot cancel a synchronous response.")


async def test_deletion_hides_it(world: World, alice: httpx.AsyncClient) -> None:
    response = await made(alice)
    answer = await alice.delete(f"{RESPONSES}/{response['id']}")
    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert isinstance(commands(world)[-1], GenerationDeleted)
    for request in (alice.get(f"{RESPONSES}/{response['id']}"), alice.delete(f"{RESPONSES}/{response['id']}")):
        assert (await request).status_code == 404


async def test_a_deletion_is_seen_by_who_made_it_however_late_the_tables_are(
    world: World, alice: httpx.AsyncClient
) -> None:
    response = await made(alice)
    world.reads.unseen, world.reads.sees_when_waited = GenerationDeleted, True
    assert (await alice.delete(f"{RESPONSES}/{response['id']}")).status_code == 200
    assert (await alice.get(f"{RESPONSES}/{response['id']}")).status_code == 404


async def test_input_items(alice: httpx.AsyncClient) -> None:
    items = [{"role": "user", "content": f"{n}"} for n in range(3)]
    response = await made(alice, input=items)
    path = f"{RESPONSES}/{response['id']}/input_items"
    newest = (await alice.get(path, params={"limit": 2})).json()
    assert [item["content"][0]["text"] for item in newest["data"]] == ["2", "1"]
    assert newest["has_more"]
    rest = (await alice.get(path, params={"limit": 2, "after": newest["last_id"]})).json()
    assert [item["content"][0]["text"] for item in rest["data"]] == ["0"]
    assert not rest["has_more"]
    oldest = (await alice.get(path, params={"order": "asc"})).json()
    assert [item["content"][0]["text"] for item in oldest["data"]] == ["0", "1", "2"]
    assert (await alice.get(path, params={"after": "no"})).status_code == 404


async def test_a_key_is_one_response(world: World, alice: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await alice.post(RESPONSES, json=body(), headers=headers)
    second = await alice.post(RESPONSES, json=body(), headers=headers)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    other = await alice.post(RESPONSES, json=body(input="another"), headers=headers)
    assert other.status_code == 422
    assert len([event for event in commands(world) if isinstance(event, PromptSubmitted)]) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE", "CANCEL", "ITEMS"])
async def test_nobody_sees_anothers(alice: httpx.AsyncClient, bob: httpx.AsyncClient, method: str) -> None:
    identity = (await made(alice))["id"]
    for one in (identity, "resp_" + "0" * 32, "nonsense"):
        path = f"{RESPONSES}/{one}"
        asked = {
            "GET": lambda path=path: bob.get(path),
            "DELETE": lambda path=path: bob.delete(path),
            "CANCEL": lambda path=path: bob.post(f"{path}/cancel"),
            "ITEMS": lambda path=path: bob.get(f"{path}/input_items"),
        }
        answer = await asked[method]()
        assert (answer.status_code, answer.json()["error"]["param"]) == (404, "response_id")
    follows = await bob.post(RESPONSES, json=body(previous_response_id=identity))
    assert follows.status_code == 404


async def test_a_failure_before_anything_was_said_is_a_status(world: World, alice: httpx.AsyncClient) -> None:
    def failing(attempt: Attempt) -> None:
        attempt.start()
        attempt.end("failed")

    world.script = failing
    for stream in (False, True):
        answer = await alice.post(RESPONSES, json=body(stream=stream))
        assert answer.status_code >= 500, answer.text
        assert orjson.loads(answer.content)["error"]["message"]


async def test_nothing_is_deleted_before_the_upgrade_is_finished(world: World, alice: httpx.AsyncClient) -> None:
    response = await made(alice)
    set_write_level(3)
    try:
        answer = await alice.delete(f"{RESPONSES}/{response['id']}")
    finally:
        set_write_level(WRITE_LEVEL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert not any(isinstance(event, GenerationDeleted) for event in commands(world))


async def test_what_no_record_holds_is_refused_for_good(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> Any:
        raise RecordRefused("too large")

    monkeypatch.setattr(world.log, "send", refuse)
    for path, said in ((RESPONSES, body()), ("/v1/conversations", {})):
        answer = await alice.post(path, json=said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert len(world.adapters.hub) == 0
