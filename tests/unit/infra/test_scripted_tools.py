"""The scripted model thinks, calls, refuses and tells logprobs, as its prompt says; and calls what a question names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from infra.local_model.generation import Answer, compute
from infra.local_model.instructions import REFUSAL
from infra.local_model.prompts import Vocabulary
from infra.models.catalogue import ModelCatalogue
from infra.models.chat_templates import render_prompt
from schemas.conversation import ChatMessage
from schemas.parts import ContentPart, ToolDefinition, Tooling

VOCABULARY = Vocabulary()
SPEC = ModelCatalogue.load().get("verbatim-scripted")
ADD = '{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}'
TOOLS = Tooling(tools=(ToolDefinition("add", None, ADD), ToolDefinition("now")))


def answered(*messages: ChatMessage, tooling: Tooling | None = None, schema: object = None) -> Answer:
    prompt = render_prompt(SPEC, messages, "", tooling)
    return compute(VOCABULARY, prompt, max_tokens=10_000, stops=[], seed=None, keep_stop=False, schema=schema)


def said(text: str, tooling: Tooling | None = None, schema: object = None) -> str:
    return b"".join(answered(ChatMessage("user", text), tooling=tooling, schema=schema).tokens).decode()


def call(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("[[call now]]", call("now", "{}")),
        ('[[call add {"a": 1}]]', call("add", '{"a": 1}')),
        (r'[[call add "{\"a\": ]"]]', call("add", '{"a": ]')),
        ("[[call now]] [[call now]]", f"{call('now', '{}')}\n{call('now', '{}')}"),
        ("[[call now]] [[quote Let me look.]]", f"Let me look.\n{call('now', '{}')}"),
        ("[[think Hm.]] [[quote Yes.]]", "<think>Hm.</think>\nYes."),
        ("[[think Hm.]] [[call now]]", f"<think>Hm.</think>\n{call('now', '{}')}"),
        ("[[think Hm.]] What is 2+2?", "<think>Hm.</think>\n2+2 = 4"),
    ],
)
def test_it_calls_and_thinks_as_it_is_told(asked: str, answer: str) -> None:
    assert said(asked) == answer
    assert said(asked, TOOLS) == answer


@pytest.mark.parametrize("text", ["[[call]]", "[[call a b]]", "[[call add {]]", "[[think]]"])
def test_what_is_no_instruction_is_text(text: str) -> None:
    assert "<tool_call>" not in said(text)
    assert "<think>" not in said(text)


def test_it_refuses() -> None:
    for text, words in (("[[refuse]]", REFUSAL), ("[[refuse Not this.]] [[count 3]]", "Not this.")):
        for schema in (None, {"type": "object"}):
            made = answered(ChatMessage("user", text), schema=schema)
            assert (made.refuses, b"".join(made.tokens).decode()) == (True, words)
    assert not answered(ChatMessage("user", "[[count 3]]")).refuses


def test_a_call_keeps_to_a_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"const": "add"}, "arguments": json.loads(ADD)},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
    assert json.loads(said('[[call add {"a": 5}]]', schema=schema)) == {"name": "add", "arguments": {"a": 5}}
    assert json.loads(said("Go on", schema=schema))["name"] == "add"
    held = replace(TOOLS, choice="function", allowed=("add",))
    assert json.loads(said("what is add(3)?", held, schema)) == {"name": "add", "arguments": {"a": 3}}


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        ("What is add(3, 'x')?", {"a": 3, "b": "x"}),
        ('Use add(b="a, b", a=3).', {"a": 3, "b": "a, b"}),
        ("add([1, 2])", {"a": [1, 2]}),
        ("add()", {}),
        ("add(some words, 4, 5)", {"a": "some words", "b": 4}),
        ("add(NaN)", {"a": "NaN"}),
        ("add(1e999)", {"a": "1e999"}),
    ],
)
def test_a_function_that_the_question_names_is_called(question: str, arguments: dict[str, object]) -> None:
    text = said(question, TOOLS)
    assert json.loads(text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")) == {
        "name": "add",
        "arguments": arguments,
    }
    assert "<tool_call>" not in said(question)
    assert "<tool_call>" not in said(question, replace(TOOLS, allowed=("now",)))


WEATHER = (
    '{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit":'
    ' {"enum": ["C"]}}, "required": ["city", "days", "unit"]}'
)


@pytest.mark.parametrize(
    ("question", "city", "days"),
    [
        ("What is the weather in Oslo, Norway?", "Oslo, Norway", 0),
        ("The weather of 3 days in 'Århus' please", "Århus", 3),
        ('Tell me about “weather”. It is "cold" for -2 days', "weather", -2),
        ("Weather!", "Weather!", 0),
    ],
)
def test_a_function_that_a_question_speaks_of_is_called(question: str, city: str, days: int) -> None:
    tools = Tooling(tools=(ToolDefinition("now"), ToolDefinition("getWeather", None, WEATHER)))
    text = said(question, tools)
    expected = {"name": "getWeather", "arguments": {"city": city, "days": days, "unit": "C"}}
    assert json.loads(text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")) == expected
    assert "<tool_call>" not in said(question.lower().replace("weather", "rain"), tools)
    nothing_fits = replace(
        tools, tools=(ToolDefinition("weather", None, '{"properties": {"a": false}, "required": ["a"]}'),)
    )
    assert "<tool_call>" not in said(question, nothing_fits)


@pytest.mark.parametrize(
    "parameters",
    [
        '{"properties": {"a": {"type": "string", "format": "of my own"}}, "required": ["a"]}',
        '{"properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]}',
        '{"properties": {"a": {"type": "array", "minItems": "two"}}, "required": ["a"]}',
        '{"properties": 5}',
        '{"properties": ["a"], "required": ["a"]}',
        '{"allOf": 3}',
    ],
)
def test_parameters_that_are_no_schema_are_no_fault_of_the_model(parameters: str) -> None:
    tools = Tooling(tools=(ToolDefinition("weather", None, parameters),))
    assert "weather in Oslo" in said("Tell me about the weather in Oslo.", tools)
    assert said("weather()", tools) == call("weather", "{}")


def test_a_call_that_must_come_is_filled_as_far_as_it_may() -> None:
    def held(arguments: Mapping[str, object]) -> dict[str, object]:
        return {
            "type": "object",
            "properties": {"name": {"const": "book"}, "arguments": arguments},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }

    text = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
    assert json.loads(said("Book 'it' now", schema=held(text)))["arguments"] == {"what": "it"}
    short = text | {"properties": {"what": {"type": "string", "maxLength": 1}}}
    assert json.loads(said("Book 'it' now", schema=held(short)))["arguments"] == {"what": ""}
    listed = {"type": "object", "properties": {"all": {"type": "array", "items": {"type": "number"}, "minItems": 2}}}
    numbers = held(listed | {"required": ["all"]})
    assert json.loads(said("Of 1.5 and 2", schema=numbers))["arguments"] == {"all": [1.5, 2]}


def test_an_object_has_the_keys_that_are_quoted() -> None:
    assert json.loads(said("With 'setup' and \"end\" keys", schema={"type": "object"})) == {"setup": "", "end": ""}
    assert json.loads(said("Any", schema={"type": "object"})) == {}


def test_it_is_told_of_images() -> None:
    image = ContentPart("image", None, sha256="0" * 64, media_type="image/png", size_bytes=70)
    shown = answered(ChatMessage("user", "", None, (ContentPart("text", "What is this?"), image)))
    assert "[image: image/png, 70 bytes]" in b"".join(shown.tokens).decode()


def test_results_are_repeated() -> None:
    messages = (
        ChatMessage("user", "[[call now]]"),
        ChatMessage("assistant", "", None, (ContentPart("tool_call", "{}", "a", "now"),)),
        ChatMessage("tool", "", None, (ContentPart("tool_result", "noon [[call now]]", "a", "now"),)),
        ChatMessage("tool", "", None, (ContentPart("tool_result", "one", "b", "now"),)),
    )
    made = answered(*messages, tooling=TOOLS)
    assert b"".join(made.tokens).decode() == "The tool says: noon [[call now]]\nThe tool says: one"
