"""What a server with Chat Completions is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from inference_workers.engines.openai_request import request_body
from inference_workers.ports import EngineError, EngineRejected, EngineRequest, EngineUnavailable
from infra.blobs.ports import BlobMissing, BlobsUnavailable
from infra.models.catalogue import Deadlines
from schemas.conversation import ChatMessage, Sampling
from schemas.parts import ContentPart, ToolDefinition, Tooling
from tests.conformance.adapters import OPENAI

SHA = "a" * 64
QUESTION = (ChatMessage("user", "What is the weather?", "kim"),)
TOOLS = Tooling(
    tools=(
        ToolDefinition("weather", "Says it.", '{"type":"object"}', True),
        ToolDefinition("time"),
    )
)
CALLS = (
    ChatMessage(
        "assistant", "", None, (ContentPart("reasoning", "Hm."), ContentPart("tool_call", "{}", "a", "weather"))
    ),
    ChatMessage("assistant", "", None, (ContentPart("tool_call", '{"zone":1}', "b", "time"),)),
    ChatMessage("tool", "", None, (ContentPart("tool_result", "sunny", "a", "weather"),)),
    ChatMessage("tool", "", None, (ContentPart("tool_result", "noon", "b", "time"),)),
)
VISION = replace(OPENAI, capabilities=("streaming", "vision"))
LOOK = ChatMessage(
    "user",
    "",
    None,
    (
        ContentPart("text", "Look:"),
        ContentPart("image", None, sha256=SHA, media_type="image/png", size_bytes=3, detail="low"),
    ),
)


class Blobs:
    """Has one image, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def get(self, sha256: str) -> bytes:
        assert sha256 == SHA
        if self._error is not None:
            raise self._error
        return b"png"


async def sent(*messages: ChatMessage, blobs: Blobs | None = None, **changed: Any) -> dict[str, Any]:
    request = EngineRequest(
        request_id="r",
        model=OPENAI,
        messages=messages or QUESTION,
        sampling=Sampling(max_tokens=9),
        deadlines=Deadlines(),
    )
    body: dict[str, Any] = orjson.loads(await request_body(replace(request, **changed), blobs))
    return body


async def test_a_plain_question_is_sent_as_it_always_was() -> None:
    assert await sent() == {
        "model": OPENAI.upstream_model,
        "messages": [{"role": "user", "content": "What is the weather?", "name": "kim"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
    }


async def test_tools_are_offered_as_functions() -> None:
    body = await sent(tooling=TOOLS)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Says it.",
                "parameters": {"type": "object"},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "time"}},
    ]
    assert "tool_choice" not in body
    assert "parallel_tool_calls" not in body


@pytest.mark.parametrize(
    ("tooling", "choice", "names"),
    [
        (replace(TOOLS, choice="none"), "none", ["weather", "time"]),
        (replace(TOOLS, choice="required"), "required", ["weather", "time"]),
        (
            replace(TOOLS, choice="function", allowed=("time",)),
            {"type": "function", "function": {"name": "time"}},
            ["time"],
        ),
        (replace(TOOLS, choice="auto", allowed=("time",)), None, ["time"]),
        (replace(TOOLS, choice="required", allowed=("weather",)), "required", ["weather"]),
    ],
)
async def test_choices(tooling: Tooling, choice: object, names: list[str]) -> None:
    body = await sent(tooling=replace(tooling, parallel=False))
    assert (body.get("tool_choice"), body["parallel_tool_calls"]) == (choice, False)
    assert [tool["function"]["name"] for tool in body["tools"]] == names


async def test_calls_of_one_answer_are_one_message_and_each_result_is_its_own() -> None:
    body = await sent(*QUESTION, *CALLS)
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "time", "arguments": '{"zone":1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": "noon"},
    ]


async def test_what_was_said_before_a_call_stays_with_it_and_refusals_are_text() -> None:
    said = (ContentPart("text", "Let me look."), ContentPart("tool_call", "{", "a", "time"))
    refused = ChatMessage("assistant", "", None, (ContentPart("refusal", "No."),))
    body = await sent(ChatMessage("assistant", "", None, said), refused)
    assert body["messages"][0]["content"] == "Let me look."
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{", "as the model wrote it"
    assert body["messages"][1] == {"role": "assistant", "content": "No."}


async def test_reasoning_alone_is_left_out() -> None:
    thought = ChatMessage("assistant", "", None, (ContentPart("reasoning", "Hm."),))
    assert [message["role"] for message in (await sent(thought, *QUESTION))["messages"]] == ["user"]


async def test_images_are_data_urls_for_a_model_that_sees() -> None:
    body = await sent(LOOK, model=VISION, blobs=Blobs())
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n", "detail": "low"}},
    ]


async def test_a_model_that_does_not_see_is_told_that_there_was_an_image() -> None:
    body = await sent(LOOK, blobs=Blobs(AssertionError("no image is read")))
    assert body["messages"][0]["content"][1] == {"type": "text", "text": "[image]"}


@pytest.mark.parametrize(
    ("blobs", "kind", "code"),
    [
        (None, EngineRejected, "engine_misconfigured"),
        (Blobs(BlobMissing("gone")), EngineRejected, "image_missing"),
        (Blobs(BlobsUnavailable("away")), EngineUnavailable, "engine_unavailable"),
    ],
)
async def test_images_that_are_not_to_be_had(blobs: Blobs | None, kind: type[EngineError], code: str) -> None:
    with pytest.raises(kind) as raised:
        await sent(LOOK, model=VISION, blobs=blobs)
    assert raised.value.code == code
    assert not raised.value.accepted


async def test_what_only_some_servers_know_is_passed_on_where_it_was_asked_for() -> None:
    sampling = Sampling(
        max_tokens=9,
        top_k=5,
        min_p=0.1,
        repetition_penalty=1.2,
        reasoning_effort="low",
        top_logprobs=3,
        template_kwargs='{"enable_thinking":false}',
        response_schema='{"type":"object","properties":{}}',
    )
    body = await sent(sampling=sampling)
    assert {name: body[name] for name in ("top_k", "min_p", "repetition_penalty", "reasoning_effort")} == {
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "reasoning_effort": "low",
    }
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object", "properties": {}}
    assert "top_logprobs" not in await sent(sampling=Sampling(max_tokens=9, top_logprobs=0))
