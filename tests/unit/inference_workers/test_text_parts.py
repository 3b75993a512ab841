"""The parts of an answer that comes as one text: reasoning and calls in tags, or a call that a grammar makes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines.call_text import MAX_HEAD_CHARS, CallText
from inference_workers.engines.guides import guide_of
from inference_workers.engines.text_parts import TextParts
from inference_workers.ports import AnswerEvent, Arguments, Delta, EngineRequest, Reasoning, ToolCall
from infra.models.json_schemas import MAX_SCHEMA_BYTES, check_schema
from infra.models.json_validity import is_valid
from schemas.parts import ToolDefinition, Tooling
from tests.unit.inference_workers.test_openai_stream import REQUEST

CITY = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
TOOLS = Tooling(tools=(ToolDefinition("weather", "Says it.", CITY), ToolDefinition("time")))
OFFERED = replace(REQUEST, tooling=TOOLS)
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Zürich"}}\n</tool_call>'
CALLED = ("call", "weather", '{"city": "Zürich"}')


def read(text: str, request: EngineRequest = OFFERED, places: list[int] | None = None) -> list[tuple[str, ...]]:
    """(kind, text) of each part, of a call (call, name, arguments); the text cut at these places."""
    edges = [0, *sorted(place % (len(text) + 1) for place in places or []), len(text)]
    parts = TextParts(request)
    events: list[AnswerEvent] = []
    for a, b in itertools.pairwise(edges):
        events += parts.feed(Delta(text[a:b], 1))
    events += parts.end()
    found: list[tuple[str, ...]] = []
    for event in events:
        if isinstance(event, ToolCall):
            found.append(("call", event.name, ""))
        elif isinstance(event, Arguments):
            assert found[-1][0] == "call"
            found[-1] = ("call", found[-1][1], found[-1][2] + event.text)
        else:
            kind = "reasoning" if isinstance(event, Reasoning) else "text"
            if found and found[-1][0] == kind:
                found[-1] = (kind, found[-1][1] + event.text)
            else:
                found.append((kind, event.text))
    return found


CASES: list[tuple[str, list[tuple[str, ...]]]] = [
    ("Just text.", [("text", "Just text.")]),
    (CALL, [CALLED]),
    (f"Let me look.\n{CALL}", [("text", "Let me look."), CALLED]),
    (f"<think>A tool.</think>\n{CALL}\n{CALL}\n", [("reasoning", "A tool."), CALLED, CALLED]),
    (f"{CALL}\nDone.", [CALLED, ("text", "Done.")]),
    ('<tool_call>{"name":"time"}</tool_call>', [("call", "time", "{}")]),
    ('<tool_call>{"name":"time","arguments":{}}</tool_call>', [("call", "time", "{}")]),
    (
        '<tool_call>{"name": "time", "parameters": {"a": {"b": [1]}}}</tool_call>',
        [("call", "time", '{"a": {"b": [1]}}')],
    ),
    ('<tool_call>{"arguments": {"a": 1}, "name": "time"}</tool_call>', [("call", "time", '{"a": 1}')]),
    ('<tool_call>[{"name": "time", "arguments": {}}]</tool_call>', [("call", "time", "{}")]),
    ('<tool_call>{"name": "time", "arguments": {"a": ]}</tool_call>', [("call", "time", '{"a": ]')]),
    ('<tool_call>{"name": "time", "arguments": {"a": 1}</tool_call>', [("call", "time", '{"a": 1}')]),
    ('<tool_call>{"name": "time", "arguments": "{\\"a\\": 1}"}</tool_call>', [("call", "time", '"{\\"a\\": 1}"')]),
    ('<tool_call>{"name": "time", "arguments": {"a": "</tool"}}</tool_call>', [("call", "time", '{"a": "</tool"}')]),
    ('<tool_call>{"name": "time", "arguments": {"a": 1}}', [("call", "time", '{"a": 1}')]),
    ('<tool_call>{"name": "time", "arguments": {"a": 1', [("call", "time", '{"a": 1')]),
    ("<tool_call>no call</tool_call> at all", [("text", "<tool_call>no call</tool_call> at all")]),
    ('<tool_call>{"name": 7}</tool_call>', [("text", '<tool_call>{"name": 7}</tool_call>')]),
    ("a <tool_cal", [("text", "a <tool_cal")]),
    ("a < b, b </tool_call> c", [("text", "a < b, b </tool_call> c")]),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_calls_in_tags(text: str, expected: list[tuple[str, ...]]) -> None:
    assert read(text) == expected
    assert read(text, places=list(range(len(text)))) == expected


@given(st.sampled_from(CASES), st.lists(st.integers(0, 300), max_size=8))
def test_any_cut_gives_the_same(case: tuple[str, list[tuple[str, ...]]], places: list[int]) -> None:
    assert read(case[0], places=places) == case[1]


@given(
    st.lists(st.sampled_from(["<tool_call>", "</tool_call>", '{"name": "a"', ', "arguments": ', "{", "}", "\n", "x"]))
)
def test_nothing_but_blanks_and_marks_of_calls_is_lost(pieces: list[str]) -> None:
    calls = CallText(inside=False)
    found = [each for piece in pieces for each in calls.feed(piece)] + calls.end()
    said = "".join(text for _, text in found)
    whole = "".join(pieces)
    assert said.count("x") == whole.count("x")
    if not any(kind == "call" for kind, _ in found):
        assert "".join(said.split()) == "".join(whole.split())


def test_arguments_leave_as_they_come() -> None:
    calls = CallText(inside=False)
    assert calls.feed('<tool_call>{"name": "time", "arguments": {"a": "one two') == [
        ("call", "time"),
        ("arguments", '{"a": "one two'),
    ]
    assert calls.feed(' three"}') == [("arguments", ' three"')]
    assert calls.feed("}</tool_call>") == [("arguments", "}")]


def test_what_never_becomes_a_call_is_text_again() -> None:
    calls = CallText(inside=False)
    long = "x" * (MAX_HEAD_CHARS + 1)
    assert calls.feed(f"<tool_call>{long}") == [("text", f"<tool_call>{long}")]


def test_without_tools_tags_of_calls_are_text() -> None:
    assert read(CALL, REQUEST) == [("text", CALL)]
    assert read(CALL, replace(OFFERED, tooling=replace(TOOLS, choice="none"))) == [("text", CALL)]


@pytest.mark.parametrize("choice", ["required", "function"])
def test_a_call_that_a_grammar_makes_has_no_tags(choice: str) -> None:
    held = replace(OFFERED, tooling=replace(TOOLS, choice=choice, allowed=("weather",)))
    text = '{"name": "weather", "arguments": {"city": "<tool_call> </tool_call> }"}}'
    expected = [("call", "weather", '{"city": "<tool_call> </tool_call> }"}')]
    assert read(text, held) == read(text, held, places=list(range(len(text)))) == expected
    assert read(text + "\n", held) == expected
    assert read(text[:40], held)[0][:2] == ("call", "weather")


def guide(tooling: Tooling) -> Any:
    return json.loads(guide_of(replace(REQUEST, tooling=tooling)))


def test_a_call_that_must_come_is_a_schema() -> None:
    held = replace(TOOLS, choice="function", allowed=("weather",))
    schema = guide(held)
    check_schema(schema)
    assert list(schema["properties"]) == ["name", "arguments"]
    assert is_valid({"name": "weather", "arguments": {"city": "Ur"}}, schema)
    for wrong in (
        {"name": "time", "arguments": {"city": "Ur"}},
        {"name": "weather", "arguments": {}},
        {"name": "weather"},
    ):
        assert not is_valid(wrong, schema)
    either = guide(replace(TOOLS, choice="required"))
    assert is_valid({"name": "time", "arguments": {}}, either)
    assert is_valid({"name": "weather", "arguments": {"city": "Ur"}}, either)
    assert guide_of(OFFERED) == guide_of(REQUEST) == ""


def test_parameters_that_no_grammar_can_hold_are_any_object() -> None:
    hard = ToolDefinition("hard", None, '{"type": "object", "not": {"required": ["a"]}}')
    schema = guide(Tooling(tools=(hard,), choice="required"))
    assert is_valid({"name": "hard", "arguments": {"b": 1}}, schema)
    check_schema(schema)
    large = ToolDefinition("large", "", json.dumps({"properties": {f"p{n}": {"type": "string"} for n in range(4000)}}))
    schema = guide(Tooling(tools=(large, ToolDefinition("time")), choice="required"))
    assert len(json.dumps(schema)) < MAX_SCHEMA_BYTES


def test_references_in_parameters_go_on_leading_to_what_they_name() -> None:
    referring = ToolDefinition(
        "deep",
        None,
        '{"properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"], "$defs": {"A": {"type": "integer"}}}',
    )
    schema = guide(Tooling(tools=(referring,), choice="required"))
    check_schema(schema)
    assert is_valid({"name": "deep", "arguments": {"a": 1}}, schema)
    assert not is_valid({"name": "deep", "arguments": {"a": "x"}}, schema)
    check_schema(guide(Tooling(tools=(referring, ToolDefinition("time")), choice="required")))
