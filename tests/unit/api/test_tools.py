"""Tools: what requests become in the record, and which are refused, with the place that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.consistency.upgrading import PARTS_FROM_LEVEL
from api.http.errors import ApiError
from api.openai.requests.asked import Asked, Fitted, fit
from api.openai.requests.body import ChatCompletionRequest
from api.turns.tools import MAX_ARGUMENTS, MAX_TOOLS
from infra.models.spec import ModelSpec
from infra.models.tokenizers import TokenCounter
from infra.models.tool_tokens import tools_message
from schemas.codec import set_write_level
from schemas.conversation import ChatMessage, PromptSubmitted, Request, Sampling
from schemas.parts import ContentPart, ToolDefinition, Tooling
from schemas.registry import WRITE_LEVEL, versions_of
from tests.unit.api.able import ALL, able, catalogue_of
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

CHAT = "/v1/chat/completions"
HI = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}}
CLOCK = {"type": "function", "function": {"name": "clock"}}
ABLE = able(*ALL)
PLAIN = able("streaming")


def allowing(mode: str, *tools: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


FORCED = {"type": "function", "function": {"name": "weather"}}
FUNCTION = "messages[0].tool_calls[0].function"


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": list(messages or (HI,)), **fields}


def asked(*messages: dict[str, Any], **fields: Any) -> Asked:
    return Asked.of(ChatCompletionRequest.model_validate(body(*messages, **fields)))


def fitted(spec: ModelSpec = ABLE, **fields: Any) -> Fitted:
    return fit(spec, asked(**fields))


def tooling(**fields: Any) -> Tooling:
    request = fitted(**fields).request
    assert request is not None and request.tooling is not None
    return request.tooling


def call(call_id: str = "call_1", name: str = "weather", arguments: str = '{"city":"Oslo"}') -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(content: Any = "rain", call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


CALL = ContentPart("tool_call", '{"city":"Oslo"}', "call_1", "weather")
RESULT = ChatMessage("tool", "", None, (ContentPart("tool_result", "rain", "call_1", "weather"),))


def test_tools_are_recorded_with_their_schemas_as_json() -> None:
    strict = {"type": "function", "function": {"name": "clock", "strict": True, "parameters": {"type": "object"}}}
    found = tooling(tools=[WEATHER, strict])
    assert found.tools == (
        ToolDefinition("weather", "Tells it.", json.dumps(SCHEMA, separators=(",", ":"))),
        ToolDefinition("clock", None, '{"type":"object"}', True),
    )
    assert (found.choice, found.allowed, found.parallel) == ("auto", (), True)
    assert fitted(tools=[WEATHER]).request == Request(surface="chat_completions", tooling=tooling(tools=[WEATHER]))


@pytest.mark.parametrize(
    ("choice", "said", "allowed"),
    [
        (None, "auto", ()),
        ("auto", "auto", ()),
        ("none", "none", ()),
        ("required", "required", ()),
        ({"type": "function", "function": {"name": "clock"}}, "function", ("clock",)),
        (
            allowing("required", CLOCK, WEATHER),
            "required",
            ("clock", "weather"),
        ),
        (
            allowing("auto", {"type": "function", "name": "clock"}),
            "auto",
            ("clock",),
        ),
    ],
)
def test_choices(choice: Any, said: str, allowed: tuple[str, ...]) -> None:
    found = tooling(tools=[WEATHER, CLOCK], tool_choice=choice, parallel_tool_calls=False)
    assert (found.choice, found.allowed, found.parallel) == (said, allowed, False)


def test_the_earlier_shape_is_one_call_of_the_same_tools() -> None:
    functions = [{"name": "weather", "parameters": SCHEMA}, {"name": "clock"}]
    found = tooling(functions=functions, function_call={"name": "clock"})
    assert [tool.name for tool in found.tools] == ["weather", "clock"]
    assert (found.choice, found.allowed, found.parallel) == ("function", ("clock",), False)
    assert tooling(functions=functions, function_call="none").choice == "none"
    assert tooling(functions=functions).choice == "auto"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tools": []},
        {"tools": [], "tool_choice": "auto"},
        {"tool_choice": "none", "parallel_tool_calls": True},
        {"functions": [], "function_call": "auto"},
        {"tools": None, "tool_choice": None},
    ],
)
def test_no_tools_say_nothing(fields: dict[str, Any]) -> None:
    assert fitted(**fields) == Fitted(Sampling(), None)


@pytest.mark.parametrize("choice", [None, "auto", "none", allowing("auto", WEATHER)])
def test_a_model_without_tools_answers_in_text(choice: Any) -> None:
    assert fitted(PLAIN, tools=[WEATHER], tool_choice=choice) == Fitted(Sampling(), None)
    refusing = able("streaming", tools="refuse")
    if choice == "none":
        assert fitted(refusing, tools=[WEATHER], tool_choice=choice) == Fitted(Sampling(), None)
    else:
        with pytest.raises(ApiError, match="'tools' is not supported by the model") as raised:
            fitted(refusing, tools=[WEATHER], tool_choice=choice)
        assert raised.value.param == "tools"


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "function": {"name": "weather"}},
        allowing("required", WEATHER),
    ],
)
def test_a_call_cannot_be_demanded_of_it(choice: Any) -> None:
    with pytest.raises(ApiError, match="has no tools") as raised:
        fitted(PLAIN, tools=[WEATHER], tool_choice=choice)
    assert (raised.value.status, raised.value.param) == (400, "tool_choice")


def named(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"tools": [WEATHER, CLOCK, WEATHER]}, "tools[2]", "same name"),
        ({"tools": [named(f"f{n}") for n in range(MAX_TOOLS + 1)]}, "tools", f"more than {MAX_TOOLS} entries"),
        ({"functions": [{"name": f"f{n}"} for n in range(MAX_TOOLS + 1)]}, "functions", f"more than {MAX_TOOLS}"),
        ({"tools": [named("")]}, "tools[0].function.name", "1 to 64"),
        ({"tools": [named("a" * 65)]}, "tools[0].function.name", "1 to 64"),
        ({"tools": [named("a.b")]}, "tools[0].function.name", "letters, digits"),
        ({"tools": [named("a\n")]}, "tools[0].function.name", "letters, digits"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "Missing"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "Missing"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type", "Missing"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type", "expected 'function'"),
        ({"tools": {"type": "function"}}, "tools", "expected a list"),
        ({"tools": [named("f", parameters=[])]}, "tools[0].function.parameters", "an object is expected"),
        ({"tools": [named("f", parameters="{}")]}, "tools[0].function.parameters", "an object is expected"),
        ({"tools": [named("f", parameters={"d": "x" * 70_000})]}, "tools[0].function.parameters", "65536 bytes"),
        (
            {"tools": [named("f", parameters={"properties": {"a": {"$ref": "https://example.org/s.json"}}})]},
            "tools[0].function.parameters",
            "'$ref' at /0/0 leads elsewhere",
        ),
        (
            {"tools": [CLOCK, named("f", strict=True, parameters={"type": "object", "not": {}})]},
            "tools[1].function.parameters",
            "'not' at the root is not supported",
        ),
        ({"tools": [named("f", strict="yes")]}, "tools[0].function.strict", "expected true or false"),
        ({"functions": [{"name": "f", "parameters": []}]}, "functions[0].parameters", "an object is expected"),
        ({"functions": [{"name": "f"}], "tools": [CLOCK]}, "functions", "not both"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call", "not among"),
        ({"functions": [{"name": "f"}], "function_call": "f"}, "function_call", "expected 'none', 'auto'"),
        ({"tools": [CLOCK], "tool_choice": named("weather")}, "tool_choice", "not among 'tools'"),
        (
            {
                "tools": [CLOCK],
                "tool_choice": allowing("auto", WEATHER),
            },
            "tool_choice",
            "not among 'tools'",
        ),
        ({"tools": [CLOCK], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools", "a mode"),
        (
            {
                "tools": [CLOCK],
                "tool_choice": allowing("auto", 7),
            },
            "tool_choice.allowed_tools.tools[0]",
            "a function and its name",
        ),
        ({"tools": [CLOCK], "tool_choice": {"type": "function"}}, "tool_choice.function.name", "Missing"),
        (
            {"tools": [CLOCK], "tool_choice": {"type": "custom", "custom": {"name": "x"}}},
            "tool_choice.type",
            "expected",
        ),
        ({"tools": [CLOCK], "tool_choice": "any"}, "tool_choice", "expected 'none', 'auto', 'required'"),
        ({"tools": [CLOCK], "tool_choice": ["auto"]}, "tool_choice", "expected 'none', 'auto', 'required'"),
        ({"tool_choice": "required"}, "tool_choice", "only allowed when 'tools' are given"),
        ({"tool_choice": named("clock")}, "tool_choice", "only allowed when 'tools' are given"),
        ({"tools": [CLOCK], "parallel_tool_calls": 1}, "parallel_tool_calls", "expected true or false"),
    ],
)
async def test_mistakes_name_their_place(
    world: World, alice: httpx.AsyncClient, fields: dict[str, Any], param: str, said: str
) -> None:
    await refused(world, alice, body(**fields), param, said)


async def refused(world: World, client: httpx.AsyncClient, said: dict[str, Any], param: str, why: str) -> None:
    answer = await client.post(CHAT, json=said)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param), error
    assert why in error["message"]
    assert world.log.all_of(CONVERSATION_EVENTS) == []


@pytest.mark.parametrize(
    ("history", "messages"),
    [
        pytest.param(
            [HI, calling(call()), result()],
            [ChatMessage("user", "hi"), ChatMessage("assistant", "", None, (CALL,)), RESULT],
            id="a call and its result",
        ),
        pytest.param(
            [calling(call(), content=""), result()],
            [ChatMessage("assistant", "", None, (CALL,)), RESULT],
            id="an empty text",
        ),
        pytest.param(
            [calling(call(), content="Let me see.", refusal=None, annotations=[], reasoning_content="hm"), result()],
            [ChatMessage("assistant", "", None, (ContentPart("text", "Let me see."), CALL)), RESULT],
            id="text and call",
        ),
        pytest.param(
            [calling(call(), content=[{"type": "text", "text": "Let"}, {"type": "text", "text": "me"}]), result()],
            [ChatMessage("assistant", "", None, (ContentPart("text", "Let\nme"), CALL)), RESULT],
            id="text parts and call",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [call()]}, result([{"type": "text", "text": "rain"}], name="weather")],
            [ChatMessage("assistant", "", None, (CALL,)), RESULT],
            id="no content, a result in parts",
        ),
        pytest.param(
            [calling(call(), call("call_2", "clock", "")), result("12:00", "call_2"), result()],
            [
                ChatMessage("assistant", "", None, (CALL, ContentPart("tool_call", "", "call_2", "clock"))),
                ChatMessage("tool", "", None, (ContentPart("tool_result", "12:00", "call_2", "clock"),)),
                RESULT,
            ],
            id="two calls, results in another order",
        ),
        pytest.param(
            [calling({**call(), "index": 0}), result("")],
            [
                ChatMessage("assistant", "", None, (CALL,)),
                ChatMessage("tool", "", None, (ContentPart("tool_result", "", "call_1", "weather"),)),
            ],
            id="an empty result, the index of a stream",
        ),
        pytest.param(
            [calling(call(arguments="{not json"))],
            [ChatMessage("assistant", "", None, (ContentPart("tool_call", "{not json", "call_1", "weather"),))],
            id="arguments that are no JSON",
        ),
        pytest.param(
            [
                {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
                {"role": "function", "name": "weather", "content": "rain"},
            ],
            [
                ChatMessage("assistant", "", None, (ContentPart("tool_call", "{}", "call_0", "weather"),)),
                ChatMessage("tool", "", None, (ContentPart("tool_result", "rain", "call_0", "weather"),)),
            ],
            id="the earlier shape",
        ),
        pytest.param(
            [{"role": "assistant", "content": "x", "tool_calls": []}], [ChatMessage("assistant", "x")], id="no calls"
        ),
    ],
)
def test_histories_with_calls(history: list[dict[str, Any]], messages: list[ChatMessage]) -> None:
    said = asked(*history)
    assert said.messages == tuple(messages)
    fit(PLAIN, said)  # the engine says what it does with them


@pytest.mark.parametrize(
    ("history", "param", "said"),
    [
        ([result()], "messages[0].tool_call_id", "must follow"),
        ([calling(call("call_2")), result()], "messages[1].tool_call_id", "must follow"),
        ([result(), calling(call())], "messages[0].tool_call_id", "must follow"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id", "Missing"),
        ([calling(call()), result(None)], "messages[1].content", "got null"),
        ([{"role": "function", "name": "clock", "content": "x"}], "messages[0].name", "must follow"),
        ([{"role": "function", "content": "x"}], "messages[0].name", "must follow"),
        ([calling(call(name="a b"))], f"{FUNCTION}.name", "1 to 64"),
        (
            [calling(call(), call(arguments="x" * (MAX_ARGUMENTS + 1)))],
            "messages[0].tool_calls[1].function.arguments",
            f"longer than {MAX_ARGUMENTS} characters",
        ),
        ([calling(call(arguments="x" * 1_000_000))], f"{FUNCTION}.arguments", "longer than"),
        (
            [calling({"type": "function", "function": {"name": "f", "arguments": ""}})],
            "messages[0].tool_calls[0].id",
            "Missing",
        ),
        ([calling({**call(), "function": {"name": "f"}})], f"{FUNCTION}.arguments", "Missing"),
        (
            [calling({**call(), "function": {"name": "f", "arguments": {}}})],
            f"{FUNCTION}.arguments",
            "a string",
        ),
        (
            [calling({"id": "c", "type": "custom", "custom": {}})],
            "messages[0].tool_calls[0].type",
            "expected 'function'",
        ),
        ([calling(*[call(f"c{n}") for n in range(129)])], "messages[0].tool_calls", "more than 128 entries"),
        ([{"role": "assistant", "content": None, "tool_calls": []}], "messages[0].content", "got null"),
        ([calling(call(), content=7)], "messages[0].content", "expected a string"),
    ],
)
async def test_mistakes_in_histories_name_their_place(
    world: World, alice: httpx.AsyncClient, history: list[dict[str, Any]], param: str, said: str
) -> None:
    await refused(world, alice, body(*history), param, said)


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"tools": [CLOCK]}, "tools"), ({"logprobs": True}, "logprobs"), ({"top_k": 4}, "top_k")],
)
def test_what_is_new_waits_for_the_end_of_the_upgrade(fields: dict[str, Any], param: str) -> None:
    fitted(**fields)
    set_write_level(PARTS_FROM_LEVEL - 1)
    with pytest.raises(ApiError, match="until the upgrade is finished") as raised:
        fitted(**fields)
    assert raised.value.param == param
    assert fitted(PLAIN, tools=[CLOCK], reasoning_effort="low", user="u") == Fitted(Sampling(), None)
    assert fitted(ABLE, reasoning_effort="low") == Fitted(Sampling(), None)
    with pytest.raises(ApiError, match="'messages' is not supported until"):
        fit(ABLE, asked(calling(call()), result()))


def test_the_level_is_that_of_the_records_that_say_it() -> None:
    saying = [
        version
        for version in versions_of(PromptSubmitted)
        if "request" in {field["name"] for field in version.definition["fields"]}
    ]
    assert min(version.writes for version in saying) == PARTS_FROM_LEVEL


@pytest.mark.parametrize(
    ("fields", "sampling"),
    [
        ({"logprobs": True}, Sampling(top_logprobs=0)),
        ({"logprobs": True, "top_logprobs": 20}, Sampling(top_logprobs=20)),
        ({"reasoning_effort": "high"}, Sampling(reasoning_effort="high")),
        (
            {"top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1, "chat_template_kwargs": {"enable_thinking": False}},
            Sampling(top_k=40, min_p=0.1, repetition_penalty=1.1, template_kwargs='{"enable_thinking":false}'),
        ),
        ({"chat_template_kwargs": {}}, Sampling()),
    ],
)
def test_what_engines_are_asked_besides(fields: dict[str, Any], sampling: Sampling) -> None:
    assert fitted(**fields).sampling == sampling


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"top_k": 40}, "top_k"),
        ({"min_p": 0.1}, "min_p"),
        ({"repetition_penalty": 1.1}, "repetition_penalty"),
        ({"chat_template_kwargs": {"a": 1}}, "chat_template_kwargs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_an_engine_that_cannot_is_not_asked(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError, match="is not supported by the model") as raised:
        fitted(PLAIN, **fields)
    assert (raised.value.status, raised.value.code, raised.value.param) == (400, "unsupported_parameter", param)
    assert fitted(PLAIN, reasoning_effort="high").sampling == Sampling()


async def test_tools_count_and_stand_in_the_command() -> None:
    world = World(script=saying("It rains."), models=catalogue_of(ABLE))
    async with world.client(world.add_key("alice", "a")) as alice:
        answer = await alice.post(CHAT, json=body(HI, calling(call()), result(), tools=[WEATHER]))
    assert answer.status_code == 200, answer.text
    ((command, _),) = world.log.all_of(CONVERSATION_EVENTS)
    assert command.request == Request(surface="chat_completions", tooling=tooling(tools=[WEATHER]))
    counted = (*tools_message(command.request.tooling), *command.messages)
    assert command.prompt_tokens == TokenCounter.of(ABLE).count_messages(counted)
    assert command.prompt_tokens > TokenCounter.of(ABLE).count_messages(command.messages) + 10


async def test_tools_that_do_not_fit_the_context_never_reach_the_log() -> None:
    world = World(models=catalogue_of(able(*ALL, context_tokens=64)))
    long = named("f", description="many words " * 100)
    async with world.client(world.add_key("alice", "a")) as alice:
        answer = await alice.post(CHAT, json=body(tools=[long]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert world.log.all_of(CONVERSATION_EVENTS) == []
