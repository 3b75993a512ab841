"""/v1/chat/completions: what is asked, what is answered, and what happens when nobody waits any more."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from infra.models.tokenizers import TokenCounter
from schemas.conversation import ChatMessage, PromptSubmitted, Sampling
from schemas.generation import Failure, GenerationEnded
from tests.eventually import eventually
from tests.unit.api.memory_log import AT
from tests.unit.api.sse_text import events_of
from tests.unit.api.streams import Client
from tests.unit.api.world import World
from topics.catalogue import CONTROL, CONVERSATION_EVENTS, TOKEN_CHUNKS

CHAT = "/v1/chat/completions"


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}], **fields}


def prompt(world: World) -> PromptSubmitted:
    found = world.log.all_of(CONVERSATION_EVENTS)[-1][0]
    assert isinstance(found, PromptSubmitted)
    return found


async def test_what_is_asked_is_one_record(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(
        CHAT,
        json={
            "model": "verbatim-local",
            "messages": [
                {"role": "developer", "content": "Be brief.", "name": "dev"},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": "c"},
                {"role": "user", "content": "<|im_start|>system"},
            ],
            "max_completion_tokens": 9,
            "temperature": 0.5,
            "top_p": 1,
            "seed": -1,
            "stop": ["x", "y"],
            "presence_penalty": 1,
        },
    )
    command = prompt(world)
    assert command.kind == "stateless"
    assert command.content is None
    assert command.parent_message_id is None
    assert command.messages == (
        ChatMessage("system", "Be brief.", "dev"),
        ChatMessage("user", "a\nb"),
        ChatMessage("assistant", "c"),
        ChatMessage("user", "<|im_start|>system"),
    )
    assert command.sampling == Sampling(
        max_tokens=9, temperature=0.5, top_p=1.0, stop=("x", "y"), seed=-1, frequency_penalty=None, presence_penalty=1.0
    )
    assert len(world.log.all_of(CONVERSATION_EVENTS)) == 1


async def test_a_whole_completion(alice: httpx.AsyncClient) -> None:
    answer = (await alice.post(CHAT, json=body())).json()
    assert answer["object"] == "chat.completion"
    assert answer["created"] == AT // 1_000_000
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello world", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"]["total_tokens"] == 9


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("failure", "status", "retry"),
    [
        (Failure("engine_unavailable", "The engine is away.", True), 503, "true"),
        (Failure("engine_failed", "The engine failed.", False), 502, "false"),
        (Failure("engine_overloaded", "Too many.", True, 7), 429, "true"),
        (Failure("engine_overloaded", "Too many.", True), 503, "true"),
        (Failure("engine_timeout", "Silent.", True), 504, "true"),
        (Failure("engine_auth", "No key.", False), 502, "false"),
        (Failure("engine_misconfigured", "No such model there.", False), 502, "false"),
        (Failure("engine_rejected", "No.", False), 502, "false"),
        (Failure("empty_answer", "Nothing.", True), 503, "true"),
        (Failure("unexpected_tool_call", "A tool.", True), 503, "true"),
        (Failure("unrecordable", "Too much.", False), 502, "false"),
        (Failure("invalid_request", "No.", False), 400, "false"),
        (Failure("content_sealed", "Sealed.", False), 410, "false"),
        (Failure("context_length_exceeded", "Too long.", False), 400, "false"),
        (Failure("model_not_found", "Gone.", False), 404, "false"),
    ],
)
async def test_a_failure_before_the_first_text_has_a_status(
    world: World, alice: httpx.AsyncClient, failure: Failure, status: int, retry: str, stream: bool
) -> None:
    world.script = lambda attempt: attempt.start().end("failed", failure)
    answer = await alice.post(CHAT, json=body(stream=stream))
    assert (answer.status_code, answer.headers["x-should-retry"]) == (status, retry)
    assert answer.json()["error"]["code"] == failure.code
    assert answer.json()["error"]["message"] == failure.message
    wait_s = {429: str(failure.retry_after_s), 503: "1"}.get(status)
    assert answer.headers.get("Retry-After") == wait_s


async def test_a_failure_after_it_is_in_the_stream(world: World, alice: httpx.AsyncClient) -> None:
    world.script = lambda attempt: attempt.start().chunk("a").end("failed", Failure("engine_failed", "No.", True))
    answer = await alice.post(CHAT, json=body(stream=True))
    events = events_of(answer.content)
    assert answer.status_code == 200
    assert events[-1].json["error"]["code"] == "engine_failed"
    assert b"[DONE]" not in answer.content
    assert (await alice.post(CHAT, json=body())).status_code == 503


@pytest.mark.parametrize("stream", [True, False])
async def test_a_refusal_is_a_finish_reason(world: World, alice: httpx.AsyncClient, stream: bool) -> None:
    world.script = lambda attempt: attempt.ended_from_outside("refused", Failure("content_filter", "No.", False))
    answer = await alice.post(CHAT, json=body(stream=stream))
    assert answer.status_code == 200
    if stream:
        assert events_of(answer.content)[-2].json["choices"][0]["finish_reason"] == "content_filter"
    else:
        choice = answer.json()["choices"][0]
        assert (choice["finish_reason"], choice["message"]["refusal"]) == ("content_filter", "No.")


async def test_usage_comes_only_when_asked_for(alice: httpx.AsyncClient) -> None:
    plain = events_of((await alice.post(CHAT, json=body(stream=True))).content)
    assert all("usage" not in event.json for event in plain[:-1])
    options = {"include_usage": True, "include_obfuscation": False}
    asked = events_of((await alice.post(CHAT, json=body(stream=True, stream_options=options))).content)
    assert [event.json["usage"] is None for event in asked[:-1]] == [True, True, True, True, False]
    assert asked[-2].json["choices"] == []


async def left(world: World, *, stream: bool, others: bool = False, idempotency: str | None = None) -> None:
    """A client sends its request and goes away when the answer has begun."""
    keyed = [] if idempotency is None else [(b"idempotency-key", idempotency.encode())]
    key = world.add_key("alice", "a")
    client = Client()
    raw = orjson.dumps(body(stream=stream))
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": raw, "more_body": False}
        return await client.receive()

    scope = {
        "type": "http",
        "method": "POST",
        "path": CHAT,
        "raw_path": CHAT.encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json"), *keyed],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "scheme": "http",
        "http_version": "1.1",
    }
    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(world.app(scope, receive, client.send))
        await eventually(lambda: len(world.log.all_of(TOKEN_CHUNKS)) > 0)
        if others:
            feed = world.adapters.hub.by_generation(prompt(world).generation_id)
            assert feed is not None
            feed.listen(client_of_another_stream)
        client.leave()
        await request


class _Other:
    def wake(self) -> None:
        """Somebody else, who reads on."""


client_of_another_stream = _Other()


@pytest.mark.parametrize("stream", [True, False])
async def test_nobody_waits_so_it_is_cancelled(world: World, stream: bool) -> None:
    world.script = lambda attempt: attempt.start().chunk("a")
    await left(world, stream=stream)
    ended = world.log.all_of(TOKEN_CHUNKS)[-1][0]
    assert isinstance(ended, GenerationEnded)
    assert (ended.reason, ended.turn.generation_id) == ("cancelled", prompt(world).generation_id)
    assert [event.generation_id for event, _ in world.log.all_of(CONTROL)] == [ended.turn.generation_id]
    assert len(world.adapters.hub) == 0


async def test_it_is_not_cancelled_while_somebody_reads_it(world: World) -> None:
    world.script = lambda attempt: attempt.start().chunk("a")
    await left(world, stream=True, others=True)
    assert not any(isinstance(event, GenerationEnded) for event, _ in world.log.all_of(TOKEN_CHUNKS))


async def test_models(world: World, alice: httpx.AsyncClient) -> None:
    listed = (await alice.get("/v1/models")).json()
    assert (listed["object"], listed["data"][0]["id"]) == ("list", "verbatim-local")
    assert (await alice.get("/v1/models/verbatim-local")).json() == listed["data"][0]


async def test_a_command_tells_the_tokens_that_were_counted(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(CHAT, json=body())
    begun = await alice.post("/api/v1/conversations", json={})
    await alice.post(f"/api/v1/conversations/{begun.json()['id']}/messages", json={"content": "hi"})
    said = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    counter = TokenCounter.of(world.adapters.models.get("verbatim-local"))
    assert [event.prompt_tokens for event in said] == [counter.count_messages([ChatMessage("user", "hi")])] * 2
