"""Histories that clients replay: whatever is handed out as a message is taken back. And mistakes, in plain words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openai.types.chat import ChatCompletion

from api.openai.requests.asked import stated
from api.openai.requests.body import ChatCompletionRequest
from api.openai.requests.messages import MAX_ANNOTATIONS, MAX_MESSAGES, MAX_PARTS
from schemas.conversation import ChatMessage, PromptSubmitted
from schemas.generation import Failure
from tests.unit.api.memory_log import Attempt
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"
HI = {"role": "user", "content": "hi"}
WHY = {"role": "user", "content": "why?"}


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": list(messages), **fields}


def sent(world: World) -> tuple[ChatMessage, ...]:
    """The longest history there is in the log: which prompt came last is not to be seen across partitions."""
    found = [record for record, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(record, PromptSubmitted)]
    return max((record.messages for record in found), key=len)


def refusing(attempt: Attempt) -> None:
    attempt.ended_from_outside("refused", Failure("content_filter", "No.", False))


async def test_what_is_answered_is_taken_back(world: World, alice: httpx.AsyncClient) -> None:
    answer = await alice.post(CHAT, json=body(HI))
    ours = answer.json()["choices"][0]["message"]
    theirs = ChatCompletion.model_validate(answer.json()).choices[0].message
    for message in (ours, theirs.model_dump(), theirs.model_dump(exclude_none=True), theirs.model_dump(mode="json")):
        again = await alice.post(CHAT, json=body(HI, message, WHY))
        assert again.status_code == 200, again.text
        assert sent(world)[1] == ChatMessage("assistant", "Hello world")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None, "refusal": "No."}, "No."),
        ({"refusal": "No."}, "No."),
        ({"content": "", "refusal": "No."}, "No."),
        ({"content": "Half", "refusal": "No."}, "Half"),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "No."),
        ({"content": [{"type": "text", "text": "Half"}, {"type": "refusal", "refusal": "No."}]}, "Half\nNo."),
        ({"content": "x", "tool_calls": []}, "x"),
        ({"content": "x", "tool_calls": None, "function_call": None, "audio": None, "annotations": None}, "x"),
        ({"content": "x", "annotations": []}, "x"),
        ({"content": "x", "reasoning_content": "hm", "reasoning": "hm"}, "x"),
        ({"content": ""}, ""),
    ],
)
async def test_shapes_of_an_assistants_turn(
    world: World, alice: httpx.AsyncClient, message: dict[str, Any], text: str
) -> None:
    answer = await alice.post(CHAT, json=body(HI, {"role": "assistant", **message}, WHY))
    assert answer.status_code == 200, answer.text
    assert sent(world)[1] == ChatMessage("assistant", text)


async def test_text_parts_are_lines(world: World, alice: httpx.AsyncClient) -> None:
    parts = [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief", "cache_control": {"type": "ephemeral"}}]
    assert (await alice.post(CHAT, json=body({"role": "user", "content": parts}))).status_code == 200
    assert sent(world) == (ChatMessage("user", "Be\nbrief"),)


@pytest.mark.parametrize(
    ("message", "param", "said"),
    [
        ({"role": "assistant", "content": None}, "messages[0].content", "expected a string, got null"),
        (
            {"role": "assistant", "content": "x", "tool_calls": [{"id": "c"}]},
            "messages[0].tool_calls[0].function",
            "Missing",
        ),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, "messages[0].audio", "not supported"),
        ({"role": "user", "content": None, "refusal": "x"}, "messages[0].content", "got null"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "messages[0].content[0].type", "only an"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text", "Missing"),
        ({"role": "assistant", "content": [{"type": "refusal"}]}, "messages[0].content[0].refusal", "Missing"),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "x", "refusal": "y"}]},
            "messages[0].content[0].refusal",
            "Unknown",
        ),
        (
            {"role": "robot", "content": "x"},
            "messages[0].role",
            "expected 'system', 'developer', 'user', 'assistant', 'tool' or 'function'",
        ),
        ({"role": "user", "content": 7}, "messages[0].content", "expected a string or a list of parts"),
        ({"role": "user", "content": "x", "name": "n" * 65}, "messages[0].name", "longer than 64 characters"),
        (7, "messages[0]", "expected an object"),
    ],
)
async def test_mistakes_are_told_in_plain_words(alice: httpx.AsyncClient, message: Any, param: str, said: str) -> None:
    answer = await alice.post(CHAT, json=body(message))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert said in error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"messages": []}, "messages", "fewer than 1 entries"),
        ({"messages": [HI] * (MAX_MESSAGES + 1)}, "messages", f"more than {MAX_MESSAGES} entries"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * (MAX_PARTS + 1)}]},
            "messages[0].content",
            f"more than {MAX_PARTS} entries",
        ),
        (
            {"messages": [{**HI, "annotations": [1] * (MAX_ANNOTATIONS + 1)}]},
            "messages[0].annotations",
            f"more than {MAX_ANNOTATIONS} entries",
        ),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "more than 16 entries"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "longer than 512 characters"),
        ({"metadata": {"k" * 65: "v"}}, f"metadata.{'k' * 65}.[key]", "longer than 64 characters"),
        ({"temperature": 3}, "temperature", "at most 2"),
        ({"temperature": "1"}, "temperature", "expected a number"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"max_tokens": 1.5}, "max_tokens", "expected a whole number"),
        ({"stream": "yes"}, "stream", "expected true or false"),
        ({"metadata": 7}, "metadata", "expected an object"),
        ({"stop": ["a"] * 5}, "stop", "more than 4 entries"),
        ({"top_logprobs": 3}, "top_logprobs", "only allowed with 'logprobs'"),
        ({"tools": [{"type": "function"}], "tool_choice": "required"}, "tools[0].function", "Missing required"),
        ({"top_k": 5}, "top_k", "'top_k' is not supported by the model"),
    ],
)
async def test_bounds_are_told_in_plain_words(
    world: World, alice: httpx.AsyncClient, fields: dict[str, Any], param: str, said: str
) -> None:
    answer = await alice.post(CHAT, json={**body(HI), **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert said in error["message"]
    for words in ("None", "validation", "Input", "should"):
        assert words not in error["message"]


def test_a_request_has_the_hash_it_always_had() -> None:
    """A key that was used before an upgrade finds its turn after it."""
    parsed = ChatCompletionRequest.model_validate(
        {"model": "m", "stream": True, "temperature": 0.5, "messages": [HI, {"role": "assistant", "content": "a"}]}
    )
    assert stated(parsed) == {
        "model": "m",
        "temperature": 0.5,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
        ],
    }


async def test_a_refused_answer_is_taken_back() -> None:
    world = World(script=refusing)
    async with world.client(world.add_key("alice", "a")) as alice:
        ours = (await alice.post(CHAT, json=body(HI))).json()["choices"][0]["message"]
        world.script = saying("Because.")
        assert (await alice.post(CHAT, json=body(HI, ours, WHY))).status_code == 200
        assert sent(world)[1] == ChatMessage("assistant", "No.")


async def test_head_is_answered_wherever_get_is(alice: httpx.AsyncClient) -> None:
    for path in (
        "/v1/models",
        "/v1/models/verbatim-local",
        "/v1/models/",
        CHAT,
        "/health",
        "/api/v1/conversations",
        "/v1/no",
    ):
        got, head = await alice.get(path), await alice.head(path)
        assert head.status_code == got.status_code
        assert head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.headers["content-type"] == got.headers["content-type"]
    assert (await alice.head("/v1/completions")).status_code == 405


async def test_head_of_a_stream_ends_at_its_head(world: World, alice: httpx.AsyncClient) -> None:
    world.script = lambda attempt: attempt.start().chunk("Hello")
    conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    stream = f"/api/v1/conversations/{conversation}/events/stream"
    async with world.watched():
        answer = await alice.head(stream)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_list_of_models_with_a_slash(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/v1/models/")).json() == (await alice.get("/v1/models")).json()


async def test_blank_titles(alice: httpx.AsyncClient) -> None:
    path = "/api/v1/conversations"
    for blank in ("", "   ", "\n"):
        begun = await alice.post(path, json={"title": blank})
        assert (begun.status_code, begun.json()["title"]) == (201, None)
        renamed = await alice.patch(f"{path}/{begun.json()['id']}", json={"title": blank})
        assert (renamed.status_code, renamed.json()["error"]["param"]) == (400, "title")
        assert "blank" in renamed.json()["error"]["message"]
