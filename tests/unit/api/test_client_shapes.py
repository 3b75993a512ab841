"""The requests that real clients send and replay: each is taken, or refused with the place that is wrong.

As they were seen from the clients named, or as their sources say.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.http.errors import ApiError
from api.openai.requests.asked import Asked, fit
from api.openai.requests.body import ChatCompletionRequest
from tests.fuzz.body_changes import change_shape
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.test_images import picture
from tests.unit.api.world import World, saying

CHAT = "/v1/chat/completions"
HI = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "description": "", "parameters": SCHEMA}}
CALL: dict[str, Any] = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "1"}
STRICT = {**TOOL, "function": {**TOOL["function"], "strict": True}}


def calling(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [CALL], **fields}


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages or (HI,)), **fields}


TAKEN: dict[str, dict[str, Any]] = {
    "Open WebUI: built-in tools with every chat": body(
        stream=True, tools=[{"type": "function", "function": {"name": "get_current_timestamp", "parameters": {}}}]
    ),
    "Open WebUI: a task": body(stream=False, max_tokens=1000, max_completion_tokens=1000),
    "LangChain: calls with a text": body(
        HI,
        {"role": "assistant", "content": "some content", "tool_calls": [CALL]},
        {**RESULT, "content": json.dumps({"result": 3})},
    ),
    "LangChain: no content beside calls": body(HI, calling(content=None), RESULT),
    "LangChain: an empty text beside calls": body(HI, calling(content=""), RESULT),
    "LangChain: content in parts beside calls": body(
        HI, {"role": "assistant", "content": [{"type": "text", "text": "some"}], "tool_calls": [CALL]}, RESULT
    ),
    "LangChain: a result in parts": body(
        HI, {"role": "assistant", "tool_calls": [CALL]}, {**RESULT, "content": [{"type": "text", "text": "1"}]}
    ),
    "LangChain: structured output by tool": body(
        tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}, parallel_tool_calls=False
    ),
    "LangChain: structured output by schema": body(
        response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
    ),
    "LangChain: JSON mode": body(response_format={"type": "json_object"}),
    "LangChain: streamed": body(stream=True, stream_options={"include_usage": True}, n=1),
    "instructor: tools": body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}),
    "pydantic-ai: demanded": body(tools=[STRICT], tool_choice="required"),
    "openai-agents: defaults": body(tools=[TOOL], stream=True, stream_options={"include_usage": True}, store=False),
    "AI SDK: text parts and options": body(
        {"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        temperature=0, tool_choice="auto", tools=[TOOL],
    ),
    "AI SDK: a picture": body({"role": "user", "content": [{"type": "text", "text": "what?"}, picture()]}),
    "LiteLLM: cache control": body(
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]},
        HI,
        tools=[{**TOOL, "cache_control": {"type": "ephemeral"}}],
        user="u",
        metadata={"trace": "1"},
    ),
    "LiteLLM: reasoning in a history": body(
        HI,
        {"role": "assistant", "content": "a", "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking"}]},
        HI,
        reasoning_effort="low",
    ),
    "SillyTavern: samplers of local servers": body(
        top_k=40, min_p=0.05, repetition_penalty=1.1, typical_p=1, tfs=1, mirostat_mode=0, n=1, logprobs=False
    ),
    "vLLM's own: template arguments": body(chat_template_kwargs={"enable_thinking": False}, add_generation_prompt=True),
    "an SDK's dump of an answer": body(
        HI,
        {
            "content": "a", "refusal": None, "role": "assistant", "annotations": [], "audio": None,
            "function_call": None, "tool_calls": None, "parsed": None,
        },
        HI,
    ),
    "an SDK's dump of calls": body(
        HI,
        {
            "content": None, "refusal": None, "role": "assistant", "function_call": None,
            "tool_calls": [{**CALL, "function": {**CALL["function"], "parsed_arguments": {"a": 1}}}],
        },
        RESULT,
    ),
    "a refusal": body(HI, {"role": "assistant", "content": None, "refusal": "No."}, HI),
    "a refusal in parts": body(HI, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, HI),
    "functions": body(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f", "parameters": SCHEMA}],
        function_call="auto",
    ),
    "logprobs": body(logprobs=True, top_logprobs=5),
    "everything that means nothing": body(
        store=True, metadata={"a": "b"}, user="u", prompt_cache_key="k", prompt_cache_retention="24h",
        service_tier="auto", safety_identifier="s", verbosity="low", modalities=["text"], logit_bias={},
        prediction={"type": "content", "content": "hi"}, stream_options=None, stop=None, seed=None, n=None,
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a PDF": (body({"role": "user", "content": [{"type": "file", "file": {}}]}), "messages[0].content[0].type"),
    "a sound": (body({"role": "user", "content": [{"type": "input_audio"}]}), "messages[0].content[0].type"),
    "a picture elsewhere": (
        body({"role": "user", "content": [picture("https://example.org/a.png")]}),
        "messages[0].content[0].image_url.url",
    ),
    "a result without its call": (body(HI, RESULT), "messages[1].tool_call_id"),
    "a tool of a server": (body(tools=[{"type": "web_search"}]), "tools[0].type"),
    "a search": (body(web_search_options={}), "web_search_options"),
    "spoken answers": (body(modalities=["text", "audio"], audio={"voice": "x"}), "modalities"),
    "biases": (body(logit_bias={"50256": -100}), "logit_bias"),
}

MODEL = able(*ALL)


@pytest.mark.parametrize("shape", TAKEN)
async def test_what_clients_send_is_taken(shape: str) -> None:
    world = World(script=saying("Hello."), models=catalogue_of(MODEL))
    async with world.client(world.add_key("alice", "a")) as alice:
        answer = await alice.post(CHAT, json={"model": MODEL.id, **TAKEN[shape]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("shape", REFUSED)
async def test_what_cannot_be_done_names_its_place(world: World, alice: httpx.AsyncClient, shape: str) -> None:
    said, param = REFUSED[shape]
    answer = await alice.post(CHAT, json={"model": MODEL.id, **said})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@given(st.data())
def test_whatever_is_sent_is_taken_or_refused(data: st.DataObject) -> None:
    said = copy.deepcopy(data.draw(st.sampled_from([*TAKEN.values(), *(said for said, _ in REFUSED.values())])))
    for _ in range(data.draw(st.integers(1, 3))):
        data.draw(changed(said))
    try:
        fit(MODEL, Asked.of(ChatCompletionRequest.model_validate({"model": MODEL.id, **said})))
    except ValidationError:
        pass
    except ApiError as error:
        assert error.status == 400 and error.param


@st.composite
def changed(draw: st.DrawFn, said: dict[str, Any]) -> None:
    change_shape(draw, said)
