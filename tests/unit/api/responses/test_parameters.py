"""What a response shows of its request comes out of the command alone."""

from __future__ import annotations

from typing import Any

from api.responses.parameters import echo_of, parameters_of
from api.responses.shapes import Parameters
from schemas.conversation import Request, Sampling
from schemas.parts import ToolDefinition, Tooling


def test_what_was_not_said_has_the_values_that_are_used() -> None:
    found = parameters_of("m", 7, Request(surface="responses", store=True), Sampling())
    assert found == Parameters(model="m", created_at_us=7)


def test_what_another_surface_asked_for_is_stored() -> None:
    assert parameters_of("m", 7, None, Sampling(max_tokens=5)) == Parameters(
        model="m", created_at_us=7, max_output_tokens=5
    )


def test_all_that_was_said_comes_back() -> None:
    shown: dict[str, Any] = {
        "text": {"format": {"type": "json_object"}},
        "tool_choice": {"type": "function", "name": "look"},
        "reasoning": {"effort": "low"},
        "truncation": "auto",
        "user": "u",
        "prompt_cache_key": "k",
        "previous_response_id": "resp_1",
        "max_tool_calls": 3,
        "service_tier": None,
    }
    tooling = Tooling(
        tools=(ToolDefinition("look", "looks", '{"type":"object"}', True), ToolDefinition("run")),
        choice="function",
        allowed=("look",),
        parallel=False,
    )
    request = Request(
        surface="responses",
        tooling=tooling,
        instructions="Be brief",
        store=True,
        background=True,
        metadata='{"a":"b"}',
        echo=echo_of(shown),
    )
    found = parameters_of("m", 7, request, Sampling(temperature=0.5, top_p=0.9, max_tokens=9, top_logprobs=2))
    assert found == Parameters(
        model="m",
        created_at_us=7,
        instructions="Be brief",
        tools=[
            {
                "type": "function",
                "name": "look",
                "description": "looks",
                "parameters": {"type": "object"},
                "strict": True,
            },
            {"type": "function", "name": "run", "description": None, "parameters": None, "strict": None},
        ],
        tool_choice={"type": "function", "name": "look"},
        parallel_tool_calls=False,
        text={"format": {"type": "json_object"}},
        reasoning={"effort": "low", "summary": None},
        temperature=0.5,
        top_p=0.9,
        top_logprobs=2,
        max_output_tokens=9,
        max_tool_calls=3,
        truncation="auto",
        background=True,
        metadata={"a": "b"},
        user="u",
        prompt_cache_key="k",
        previous_response_id="resp_1",
    )


def test_a_schema_of_another_surface_is_shown_as_a_format() -> None:
    found = parameters_of("m", 7, None, Sampling(response_schema='{"type":"object"}'))
    assert found.text["format"]["schema"] == {"type": "object"}


def test_nothing_said_is_no_echo() -> None:
    assert echo_of({"user": None}) is None
