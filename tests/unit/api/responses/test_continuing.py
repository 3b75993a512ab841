"""Responses that go on from what is stored without being stored, that refer to items, and that are counted and summed
up."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.http.errors import ApiError
from api.openai.leaving import KEYED_GRACE_S, abandoning
from api.responses import compaction_routes
from api.responses.sealing import Seal
from api.responses.shapes import conversation_id_shown
from infra.models.catalogue import ModelCatalogue
from infra.models.tokenizers import TokenCounter
from projections.stored import StoredGeneration
from schemas.conversation import ChatMessage, ConversationStarted, PromptSubmitted
from schemas.parts import ChunkPart
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.memory_log import Attempt
from tests.unit.api.memory_stored import MemoryStored
from tests.unit.api.test_conversations import PATH as OURS
from tests.unit.api.test_images import PNG
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

RESPONSES = "/v1/responses"
MODEL = "verbatim-local"
HELLO = "Hello world"


async def made(client: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    answer = await client.post(RESPONSES, json={"model": MODEL, "input": "hi", **said})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def prompts(world: World) -> list[PromptSubmitted]:
    """In the order in which they were given: the log has them by partition."""
    found = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    return sorted(found, key=lambda event: event.envelope.occurred_at_us)


def told(prompt: PromptSubmitted) -> list[tuple[str, str]]:
    return [(message.role, str(message.content)) for message in prompt.messages]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["param"]


async def test_one_that_is_not_stored_goes_on_from_one_that_is(world: World, alice: httpx.AsyncClient) -> None:
    first = await made(alice, input="one")
    second = await made(alice, input="two", previous_response_id=first["id"], store=False, instructions="Be brief")
    stored, inline = prompts(world)
    assert (inline.kind, inline.parent_message_id) == ("stateless", None)
    assert told(inline) == [("user", "one"), ("assistant", HELLO), ("user", "two")]
    assert inline.conversation_id != stored.conversation_id
    counter = TokenCounter.of(ModelCatalogue.load(()).get(MODEL))
    assert inline.prompt_tokens == counter.count_messages(inline.messages)
    assert (second["store"], second["previous_response_id"]) == (False, first["id"])
    items = (await alice.get(f"/v1/conversations/{conversation_id_shown(stored.conversation_id)}/items")).json()
    assert len(items["data"]) == 2


async def test_and_from_a_conversation_with_its_system_prompt(world: World, alice: httpx.AsyncClient) -> None:
    ours = (await alice.post(OURS, json={"system_prompt": "Rhyme"})).json()["id"]
    await alice.post(f"{OURS}/{ours}/messages", json={"content": "one"})
    await made(alice, input="two", conversation=conversation_id_shown(ours), store=False)
    system = ("system", "Rhyme")
    assert told(prompts(world)[-1]) == [system, ("user", "one"), ("assistant", HELLO), ("user", "two")]
    empty = (await alice.post("/v1/conversations", json={})).json()["id"]
    await made(alice, input="two", conversation=empty, store=False)
    assert told(prompts(world)[-1])[-1] == ("user", "two")


async def test_what_has_no_room_is_left_out_as_the_agent_would() -> None:
    world = World(script=lambda attempt: attempt.start().chunk("a " * 40).end(), models=catalogue_of(able(
        "streaming", context_tokens=200
    )))  # fmt: skip
    async with world.client(world.add_key("alice", "a")) as alice:
        response = await made(alice, input="first " * 20)
        for nth in range(3):
            response = await made(alice, input=f"word {nth} " * 10, previous_response_id=response["id"])
        await made(alice, input="last", previous_response_id=response["id"], store=False, max_output_tokens=20)
        inline = prompts(world)[-1]
        assert told(inline)[-1] == ("user", "last")
        assert told(inline)[0][0] == "user" and not told(inline)[0][1].startswith("first")
        too_long = await alice.post(
            RESPONSES,
            json={"model": MODEL, "input": "word " * 400, "previous_response_id": response["id"], "store": False},
        )
        assert too_long.json()["error"]["code"] == "context_length_exceeded"


async def test_items_are_referred_to(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    response = await made(alice, input=[{"role": "user", "content": word} for word in ("one", "two")])
    listed = (await alice.get(f"{RESPONSES}/{response['id']}/input_items")).json()["data"]
    reference = {"type": "item_reference", "id": listed[0]["id"]}
    output = {"id": response["output"][0]["id"]}
    await made(alice, input=[reference, output, {"role": "user", "content": "three"}])
    assert told(prompts(world)[-1]) == [("user", "two"), ("assistant", HELLO), ("user", "three")]
    conversation = (await alice.post("/v1/conversations", json={"items": [{"role": "user", "content": "x"}]})).json()
    item = (await alice.get(f"/v1/conversations/{conversation['id']}/items")).json()["data"][0]["id"]
    await made(alice, conversation=conversation["id"], input=[{"type": "item_reference", "id": item}])
    assert prompts(world)[-1].content == "x"
    for wrong in ("msg_" + "0" * 36, "nonsense", listed[0]["id"][:-4] + "0009"):
        answer = await alice.post(RESPONSES, json={"model": MODEL, "input": [{"type": "item_reference", "id": wrong}]})
        assert refused(answer) == (400, "input[0].id")
    assert refused(await bob.post(RESPONSES, json={"model": MODEL, "input": [output]})) == (400, "input[0].id")
    many = await alice.post(RESPONSES, json={"model": MODEL, "input": [output] * 101})
    assert refused(many) == (400, "input")
    for path in ("/v1/conversations", f"/v1/conversations/{conversation['id']}/items"):
        assert refused(await alice.post(path, json={"items": [reference]})) == (400, "items[0].type")


async def test_thoughts_and_calls_are_referred_to() -> None:
    def script(attempt: Attempt) -> None:
        attempt.start()
        attempt.chunk("hm", part=ChunkPart(0, "reasoning"))
        attempt.chunk("Look", part=ChunkPart(1, "text"))
        attempt.chunk("{}", part=ChunkPart(2, "tool_call", "call_1", "look"))
        attempt.end("tool_calls")

    world = World(script=script, models=catalogue_of(able(*ALL)))
    async with world.client(world.add_key("alice", "a")) as alice:
        tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
        response = await made(alice, tools=[tool])
        references = [{"type": "item_reference", "id": item["id"]} for item in response["output"]]
        assert [item["type"] for item in response["output"]] == ["reasoning", "message", "function_call"]
        result = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
        await made(alice, input=[*references, result])
        called, told_back = prompts(world)[-1].messages
        assert [(part.kind, part.text) for part in called.parts] == [("text", "Look"), ("tool_call", "{}")]
        assert (told_back.role, told_back.parts[0].name) == ("tool", "look")
        # In a conversation a result finds its call among the messages that are there.
        conversation = conversation_id_shown(prompts(world)[0].conversation_id)
        await made(alice, input=[result], conversation=conversation)
        assert prompts(world)[-1].messages[0].parts[0].name == "look"


async def test_a_result_finds_the_call_of_an_answer_that_still_ran_when_it_was_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def script(attempt: Attempt) -> None:
        attempt.start()
        attempt.chunk("{}", part=ChunkPart(0, "tool_call", "call_1", "look"))
        attempt.end("tool_calls")

    world = World(script=script, models=catalogue_of(able(*ALL)))
    async with world.client(world.add_key("alice", "a")) as alice:
        tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
        response = await made(alice, tools=[tool])
        read = MemoryStored.stored_generation
        looks: list[str] = []

        async def late(self: MemoryStored, user_id: str, generation_id: str) -> StoredGeneration | None:
            found = await read(self, user_id, generation_id)
            looks.append(generation_id)
            return found if found is None or len(looks) > 2 else replace(found, outcomes=(None,))

        monkeypatch.setattr(MemoryStored, "stored_generation", late)
        result = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
        await made(alice, input=[result], previous_response_id=response["id"])
        assert prompts(world)[-1].messages[-1].parts[0].name == "look"


async def test_the_tokens_of_a_prompt_are_counted(world: World, alice: httpx.AsyncClient) -> None:
    async def count(**said: Any) -> int:
        answer = await alice.post(f"{RESPONSES}/input_tokens", json={"model": MODEL, **said})
        assert answer.status_code == 200, answer.text
        assert answer.json()["object"] == "response.input_tokens"
        found: int = answer.json()["input_tokens"]
        return found

    counter = TokenCounter.of(ModelCatalogue.load(()).get(MODEL))
    one, system = ChatMessage("user", "one"), ChatMessage("system", "Be brief")
    assert await count(input="one") == counter.count_messages([one])
    assert await count(input="one", instructions="Be brief") == counter.count_messages([system, one])
    response = await made(alice, input="one")
    conversation = conversation_id_shown(prompts(world)[0].conversation_id)
    whole = counter.count_messages([one, ChatMessage("assistant", HELLO), ChatMessage("user", "two")])
    assert await count(input="two", previous_response_id=response["id"]) == whole
    assert await count(input="two", conversation=conversation) == whole
    limit = ModelCatalogue.load(()).get(MODEL).context_tokens
    assert await count(input="word " * (limit + 5)) > limit
    assert len(prompts(world)) == 1
    missing = await alice.post(f"{RESPONSES}/input_tokens", json={"model": MODEL})
    assert refused(missing) == (400, "input")


async def test_a_conversation_is_compacted(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    items = [{"role": "user", "content": "The word is slate."}, {"role": "assistant", "content": "Noted."}]
    headers = {"Idempotency-Key": "k"}
    body = {"model": MODEL, "input": items, "prompt_cache_key": "x"}
    answer = await alice.post(f"{RESPONSES}/compact", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    compacted = answer.json()
    (command,) = prompts(world)
    assert (command.kind, command.parent_message_id, len(command.messages)) == ("compaction", None, 2)
    (item,) = compacted["output"]
    assert (compacted["object"], item["type"], compacted["usage"]["output_tokens"]) == (
        "response.compaction",
        "compaction",
        2,
    )
    assert compacted["created_at"] == command.envelope.occurred_at_us // 1_000_000
    assert HELLO not in answer.text
    again = await alice.post(f"{RESPONSES}/compact", json=body, headers=headers)
    assert again.json() == compacted and "idempotent-replayed" in again.headers
    assert (await alice.get(f"{RESPONSES}/{compacted['id']}")).status_code == 404
    assert (await alice.get(OURS)).json()["data"] == []
    await made(alice, input=[*compacted["output"], {"role": "user", "content": "And now?"}])
    summary, question = told(prompts(world)[-1])
    assert summary[0] == "user" and summary[1].endswith(HELLO)
    assert question == ("user", "And now?")
    stolen = await bob.post(RESPONSES, json={"model": MODEL, "input": compacted["output"]})
    assert refused(stolen) == (400, "input[0].encrypted_content")


async def test_what_a_response_ends_is_compacted(world: World, alice: httpx.AsyncClient) -> None:
    response = await made(alice)
    answer = await alice.post(
        f"{RESPONSES}/compact", json={"model": MODEL, "previous_response_id": response["id"], "instructions": "Brief"}
    )
    assert answer.status_code == 200, answer.text
    stored, command = prompts(world)
    assert (command.conversation_id, command.parent_message_id) == (stored.conversation_id, stored.generation_id)
    assert command.request is not None and command.request.instructions == "Brief"
    assert [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, ConversationStarted)][
        1:
    ] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [({"input": "x"}, "model"), ({"model": MODEL}, "input"), ({"model": MODEL, "input": []}, "input")],
)
async def test_what_cannot_be_compacted_is_named(alice: httpx.AsyncClient, body: dict[str, Any], param: str) -> None:
    assert refused(await alice.post(f"{RESPONSES}/compact", json=body)) == (400, param)


async def test_a_summary_that_was_cut_stands_for_nothing(world: World, alice: httpx.AsyncClient) -> None:
    world.script = lambda attempt: attempt.start().chunk("half").end("length")
    answer = await alice.post(f"{RESPONSES}/compact", json={"model": MODEL, "input": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "compaction_incomplete")


def test_a_seal_opens_what_it_sealed_for_that_user_alone() -> None:
    seal = Seal("secret")
    sealed = seal.sealed("alice", "the summary")
    assert sealed == seal.sealed("alice", "the summary") != seal.sealed("bob", "the summary")
    assert str(seal.opened("alice", sealed, "x").content).endswith("the summary")
    packed = base64.urlsafe_b64decode(sealed)
    assert b"summary" not in packed
    broken = [base64.urlsafe_b64encode(packed[:nth] + bytes([packed[nth] ^ 1]) + packed[nth + 1 :]).decode()
              for nth in range(len(packed))]  # fmt: skip
    for wrong in (*broken, "", "x", "ä", sealed[:20], sealed + "AAAA", "A" * 8_000_001):
        with pytest.raises(ApiError, match="input"):
            seal.opened("alice", wrong, "input[0].encrypted_content")
    for other in (Seal("another"), seal):
        with pytest.raises(ApiError):
            other.opened("bob", sealed, "x")


async def test_a_picture_is_shown_to_a_model_that_sees(world: World, alice: httpx.AsyncClient) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    said = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": url}],
        }
    ]
    blind = await alice.post(RESPONSES, json={"model": MODEL, "input": said})
    assert refused(blind) == (400, "input")
    seeing = World(script=world.script, models=catalogue_of(able(*ALL)))
    async with seeing.client(seeing.add_key("alice", "a")) as client:
        await made(client, input=said)
        (message,) = prompts(seeing)[0].messages
        assert [part.kind for part in message.parts] == ["text", "image"]
        assert await seeing.blobs.get(message.parts[1].sha256) == PNG


async def test_a_summary_is_kept_as_long_as_an_answer_for_who_may_come_back(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    graces: list[float] = []

    def noted(ports: Any, author: Any, opened: Any, grace_s: float) -> Any:
        graces.append(grace_s)
        return abandoning(ports, author, opened, grace_s)

    monkeypatch.setattr(compaction_routes, "abandoning", noted)
    for headers in ({}, {"Idempotency-Key": "mine"}):
        answer = await alice.post(f"{RESPONSES}/compact", json={"model": MODEL, "input": "hi"}, headers=headers)
        assert answer.status_code == 200, answer.text
    assert graces == [world.settings.disconnect_grace_s, KEYED_GRACE_S]
