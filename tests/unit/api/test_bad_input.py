"""Bad input gets a reason, quickly, and nothing reaches the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from api.http import bodies
from infra.models.catalogue import ModelCatalogue
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"
MODEL = "verbatim-local"


def prompts(world: World) -> int:
    return len(world.log.all_of(CONVERSATION_EVENTS))


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b'{"model": "\xff"}', "UTF-8"),
        (b'{"temperature": NaN}', "JSON"),
        (b'{"temperature": Infinity}', "JSON"),
        (b'{"temperature": 1e400}', "JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
        (b'{"a":' + b"[" * 1_020 + b"]" * 1_020 + b"}", ""),
        (b'{"model": "a", "model": "b"}', "twice"),
        (b'{"metadata": {"a": "1", "a": "2"}}', "twice"),
        (b'{"model": "\\ud800"}', "JSON"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"{} {}", "JSON"),
    ],
)
async def test_bodies_that_are_no_json_object(world: World, alice: httpx.AsyncClient, raw: bytes, said: str) -> None:
    answer = await alice.post(CHAT, content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert prompts(world) == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_other_kinds_of_content(alice: httpx.AsyncClient, kind: str) -> None:
    answer = await alice.post(CHAT, content=json.dumps(chat()), headers={"content-type": kind})
    assert answer.status_code == 415
    assert (await alice.post(CHAT, content=b"x", headers={"content-encoding": "gzip"})).status_code == 415


async def test_large_bodies(world: World, alice: httpx.AsyncClient) -> None:
    most = world.settings.max_body_bytes
    declared = await alice.post(CHAT, content=b"x" * (most + 1), headers={"content-type": "application/json"})
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, "request_too_large")

    async def endless() -> Any:
        while True:
            yield b" " * 100_000

    undeclared = await alice.post(CHAT, content=endless(), headers={"content-type": "application/json"})
    assert undeclared.status_code == 413
    assert prompts(world) == 0


async def test_bodies_that_do_not_come(monkeypatch: pytest.MonkeyPatch, alice: httpx.AsyncClient) -> None:
    monkeypatch.setattr(bodies, "ARRIVE_S", 0.01)

    async def stuck() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    answer = await alice.post(CHAT, content=stuck(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "invalid_type"),
        ({"model": ""}, "model", "string_below_min_length"),
        ({"messages": []}, "messages", "array_below_min_length"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing_required_parameter"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].image_url.url",
            "invalid_image_url",
        ),
        ({"temperature": 2.1}, "temperature", "number_above_max_value"),
        ({"temperature": -0.1}, "temperature", "number_below_min_value"),
        ({"temperature": "1"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"top_p": 1.01}, "top_p", "number_above_max_value"),
        ({"max_tokens": 0}, "max_tokens", "number_below_min_value"),
        ({"max_tokens": -1}, "max_tokens", "number_below_min_value"),
        ({"max_tokens": 2**31}, "max_tokens", "number_above_max_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"max_tokens": True}, "max_tokens", "invalid_type"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", "invalid_value"),
        ({"seed": 2**64}, "seed", "invalid_type"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"stop": ""}, "stop[0]", "string_below_min_length"),
        ({"stop": 7}, "stop", "invalid_type"),
        ({"n": 0}, "n", "number_below_min_value"),
        ({"n": 9}, "n", "number_above_max_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
            "tool_choice",
            "unsupported_parameter",
        ),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"response_format": {"type": "yaml"}}, "response_format.type", "invalid_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            "response_format.json_schema.schema",
            "missing_required_parameter",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"not": {}}}}},
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "unsupported_parameter"),
        ({"modalities": ["audio"]}, "modalities", "unsupported_parameter"),
        ({"metadata": {"x" * 500: "1"}}, "metadata." + "x" * 91, "string_above_max_length"),
    ],
)
async def test_wrong_parameters_are_named(
    world: World, alice: httpx.AsyncClient, fields: dict[str, Any], param: str, code: str
) -> None:
    answer = await alice.post(CHAT, json=chat(**fields))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
    assert prompts(world) == 0


async def test_a_missing_parameter(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(CHAT, json={"model": MODEL})
    assert answer.json()["error"] == {
        "message": "Missing required parameter: 'messages'.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "missing_required_parameter",
    }


async def test_what_changes_nothing_is_accepted(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(
        CHAT,
        json=chat(
            tools=[],
            tool_choice="none",
            response_format={"type": "text"},
            logprobs=False,
            modalities=["text"],
            user="u",
            store=False,
            metadata={"a": "b"},
            n=1,
            stop=None,
            logit_bias={},
            temperature=0,
            temprature=1,
            prediction={"type": "content", "content": "Hello"},
            reasoning_effort="low",
            verbosity="low",
            **{"x" * 500: {"newer": ["than", "we"]}},
        ),
    )
    assert answer.status_code == 200


async def test_an_unknown_model(world: World, alice: httpx.AsyncClient) -> None:
    for answer in (
        await alice.post(CHAT, json=chat(model="no/such")),
        await alice.get("/v1/models/no/such"),
        await alice.post("/api/v1/conversations", json={"model": "no/such"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "model_not_found"
        assert answer.json()["error"]["param"] == "model"
    assert prompts(world) == 0


async def test_a_prompt_over_the_context_never_reaches_the_log(world: World, alice: httpx.AsyncClient) -> None:
    conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    before = prompts(world)
    long = "word " * (ModelCatalogue.load(()).get(MODEL).context_tokens + 100)
    for answer in (
        await alice.post(CHAT, json=chat(messages=[{"role": "user", "content": long}])),
        await alice.post(f"/api/v1/conversations/{conversation}/messages", json={"content": long}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        assert "16384" in answer.json()["error"]["message"]
    assert prompts(world) == before


async def test_errors_quote_nothing_of_the_body(alice: httpx.AsyncClient) -> None:
    secret = "canary-7f3a"
    for body in (
        chat(messages=[{"role": secret, "content": secret}]),
        chat(temperature=secret),
        chat(messages=[{"role": "user", "content": [secret]}]),
    ):
        answer = await alice.post(CHAT, json=body)
        assert answer.status_code == 400
        assert secret not in answer.text


@pytest.mark.parametrize("content", ["", "   ", "\n\t"])
async def test_an_empty_prompt(alice: httpx.AsyncClient, content: str) -> None:
    conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    answer = await alice.post(f"/api/v1/conversations/{conversation}/messages", json={"content": content})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "content")


@pytest.mark.parametrize(
    "conversation",
    ["nope", "..%2f..%2fetc", "%00", "0" * 36, "A" * 5000, "11111111-1111-4111-8111-111111111111", "1' OR '1'='1"],
)
async def test_ids_of_nothing(alice: httpx.AsyncClient, conversation: str) -> None:
    for path in (f"/api/v1/conversations/{conversation}", f"/api/v1/generations/{conversation}/stream"):
        answer = await alice.get(path)
        assert answer.status_code == 404
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("cursor=%3F", "cursor")]
)
async def test_wrong_query_parameters(alice: httpx.AsyncClient, query: str, param: str) -> None:
    answer = await alice.get(f"/api/v1/conversations?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_no_such_route_and_no_such_method(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/nope")).json()["error"]["code"] == "unknown_url"
    answer = await alice.delete("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 1_000_000, "ü", "a\tb", "a\x01b"])
async def test_idempotency_keys_that_are_none(alice: httpx.AsyncClient, key: str) -> None:
    answer = await alice.post(CHAT, json=chat(), headers=[(b"Idempotency-Key", key.encode())])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("token", ["x", "a/b/c", "conversation-events/0/-1", "generation/x", ",", "a/0/1," * 40])
async def test_position_tokens_that_are_none(alice: httpx.AsyncClient, token: str) -> None:
    answer = await alice.get("/api/v1/conversations", headers={"X-Verbatim-Position": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position")
