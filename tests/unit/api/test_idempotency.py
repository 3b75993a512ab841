"""One key, one turn: retries join it, other bodies are refused, and nothing is asked of a model twice."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from api.turns import joining
from schemas.conversation import PromptSubmitted
from tests.unit.api.memory_log import Attempt
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"
KEY = {"Idempotency-Key": "retry-1"}


def body(text: str = "hi", **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": [{"role": "user", "content": text}], "stream": True, **fields}


def prompts(world: World) -> list[PromptSubmitted]:
    return [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]


async def test_a_retry_gets_the_same_bytes(world: World, alice: httpx.AsyncClient) -> None:
    first = await alice.post(CHAT, json=body(), headers=KEY)
    assert "idempotent-replayed" not in first.headers
    again = await alice.post(CHAT, json=body(), headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content
    assert len(prompts(world)) == 1


async def test_how_the_answer_is_delivered_is_no_other_request(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(CHAT, json=body(), headers=KEY)
    whole = await alice.post(CHAT, json=body(stream=False), headers=KEY)
    assert whole.json()["choices"][0]["message"]["content"] == "Hello world"
    assert len(prompts(world)) == 1


async def test_another_body_is_refused(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(CHAT, json=body(), headers=KEY)
    for other in (body("other"), body(temperature=0.5), body(model="verbatim-local-llmapi")):
        answer = await alice.post(CHAT, json=other, headers=KEY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(prompts(world)) == 1


async def test_keys_belong_to_their_users(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await alice.post(CHAT, json=body(), headers=KEY)
    answer = await bob.post(CHAT, json=body("other"), headers=KEY)
    assert answer.status_code == 200
    assert "idempotent-replayed" not in answer.headers


async def test_without_a_key_every_request_is_a_new_one(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(CHAT, json=body())
    await alice.post(CHAT, json=body())
    assert len({prompt.generation_id for prompt in prompts(world)}) == 2


async def test_messages_of_a_conversation(world: World, alice: httpx.AsyncClient) -> None:
    made = await alice.post("/api/v1/conversations", json={}, headers=KEY)
    again = await alice.post("/api/v1/conversations", json={}, headers=KEY)
    assert again.json()["id"] == made.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    path = f"/api/v1/conversations/{made.json()['id']}/messages"
    first = await alice.post(path, json={"content": "x"}, headers=KEY)
    second = await alice.post(path, json={"content": "x"}, headers=KEY)
    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert (await alice.post(path, json={"content": "y"}, headers=KEY)).status_code == 422
    assert len(prompts(world)) == 1


async def test_a_key_in_the_body(world: World, alice: httpx.AsyncClient) -> None:
    made = await alice.post("/api/v1/conversations", json={"request_id": "c"})
    again = await alice.post("/api/v1/conversations", json={"requestId": "c"})
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (made.json()["id"], "true")
    path = f"/api/v1/conversations/{made.json()['id']}/messages"
    first = await alice.post(path, json={"content": "x", "request_id": "k"})
    by_header = await alice.post(path, json={"content": "x"}, headers={"Idempotency-Key": "k"})
    assert by_header.content == first.content
    assert (await alice.post(path, json={"content": "y", "request_id": "k"})).status_code == 422
    answer = first.content.split(b'"messageId":"')[1][:36].decode()
    once = await alice.post(f"{path}/{answer}/regenerate", json={"request_id": "r"})
    assert (await alice.post(f"{path}/{answer}/regenerate", json={"request_id": "r"})).content == once.content
    for body, headers in (
        ({"content": "x", "request_id": "k"}, {"Idempotency-Key": "other"}),
        ({"content": "x", "request_id": ""}, {}),
        ({"content": "x", "request_id": "k" * 1_000_000}, {}),
        ({"content": "x", "request_id": "a\nb"}, {}),
    ):
        refused = await alice.post(path, json=body, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_idempotency_key")
    assert (await alice.post(path, json={"content": "x", "request_id": 7})).status_code == 400


async def test_a_conversation_with_another_system_prompt_is_another(alice: httpx.AsyncClient) -> None:
    await alice.post("/api/v1/conversations", json={"system_prompt": "a"}, headers=KEY)
    for body in ({"system_prompt": "b"}, {}):
        answer = await alice.post("/api/v1/conversations", json=body, headers=KEY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")


async def test_a_retry_after_a_lost_acknowledgement_finds_the_turn(world: World, alice: httpx.AsyncClient) -> None:
    world.log.down = "lose_acks"
    lost = await alice.post(CHAT, json=body())
    assert lost.status_code == 503
    world.log.down = ""
    again = await alice.post(CHAT, json=body(), headers={"Idempotency-Key": lost.headers["idempotency-key"]})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert len(prompts(world)) == 1


async def test_a_retry_that_the_projections_do_not_know_yet(world: World, alice: httpx.AsyncClient) -> None:
    """The second record is a repeat: the agents drop it, and its reader must find the first one's answer."""
    first = await alice.post(CHAT, json=body(), headers=KEY)
    world.reads.blind = True
    async with asyncio.TaskGroup() as tasks:
        again = tasks.create_task(alice.post(CHAT, json=body(), headers=KEY))
        refused = tasks.create_task(alice.post(CHAT, json=body("other"), headers=KEY))
        await asyncio.sleep(0.05)
        assert not again.done()
        world.reads.blind = False
    assert again.result().content == first.content
    assert again.result().headers["idempotent-replayed"] == "true"
    assert refused.result().status_code == 422


@pytest.mark.parametrize("same", [True, False])
async def test_two_at_once_with_one_key(world: World, alice: httpx.AsyncClient, same: bool) -> None:
    attempts: list[Attempt] = []
    world.script = attempts.append
    world.reads.blind = True
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(alice.post(CHAT, json=body(), headers=KEY))
        other = tasks.create_task(alice.post(CHAT, json=body() if same else body("other"), headers=KEY))
        await asyncio.sleep(0.05)
        assert not one.done() and not other.done()
        assert len(attempts) == 1
        attempts[0].start().chunk("x").end()
    answers = sorted([one.result(), other.result()], key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == ([200, 200] if same else [200, 422])
    assert not same or answers[0].content == answers[1].content


async def test_a_key_is_remembered_while_the_answer_is_written(world: World, alice: httpx.AsyncClient) -> None:
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start().chunk("a"))
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(alice.post(CHAT, json=body(), headers=KEY))
        await asyncio.sleep(0.05)
        other = tasks.create_task(alice.post(CHAT, json=body(), headers=KEY))
        await asyncio.sleep(0.05)
        attempts[0].chunk("b").end()
    assert one.result().content == other.result().content


async def test_a_repeat_that_was_begun_while_it_looked_around_joins_it(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/v1/conversations/{(await alice.post('/api/v1/conversations', json={})).json()['id']}/messages"
    world.recorded = False
    first = await alice.post(path, json={"content": "x"}, headers=KEY)
    look, looks = joining.find_repeat, iter([True])

    async def too_early(*arguments: Any) -> Any:
        return None if next(looks, False) else await look(*arguments)

    monkeypatch.setattr("api.turns.ask.find_repeat", too_early)
    second = await alice.post(path, json={"content": "x"}, headers=KEY)
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["idempotent-replayed"] == "true"
    assert len(prompts(world)) == 1
