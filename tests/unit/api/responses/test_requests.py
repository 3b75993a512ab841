"""What a request for a response asks for, and what is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.http.errors import ApiError
from api.responses.parameters import parameters_of
from api.responses.requests import Asked, CreateResponse, fit
from api.responses.shapes import conversation_id_shown, response_id
from schemas.codec import set_write_level
from schemas.conversation import ChatMessage
from schemas.registry import WRITE_LEVEL
from tests.unit.api.responses.told import GENERATION
from tests.unit.api.test_response_format import SPEC

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}
ABLE = replace(SPEC, capabilities=("streaming", "json", "tools", "logprobs", "reasoning"))


@pytest.fixture
def level() -> Iterator[None]:
    yield
    set_write_level(WRITE_LEVEL)


def asked(**said: Any) -> Asked:
    return Asked.of(CreateResponse.model_validate({"model": "m", "input": "q", **said}))


def test_the_least_that_can_be_asked() -> None:
    found = asked()
    assert (found.model, found.said, found.previous) == ("m", (ChatMessage("user", "q"),), None)
    assert found.conversation_id is None
    assert (found.tooling, found.stream, found.request.store, found.request.background) == (None, False, True, False)
    assert found.request.surface == "responses"


def test_what_is_newer_than_this_server_is_passed_over() -> None:
    found = asked(client_metadata={"a": "b"}, tools=[{"type": "web_search"}, {"type": "namespace", "tools": []}, TOOL])
    assert found.tooling is not None
    assert [tool.name for tool in found.tooling.tools] == ["look"]
    assert asked(tools=[{"type": "web_search"}]).tooling is None


def test_how_it_is_delivered_is_no_part_of_what_is_asked() -> None:
    assert asked(stream=True).request_hash == asked(stream=False).request_hash == asked(background=True).request_hash
    assert asked(temperature=0.5).request_hash != asked().request_hash


def test_what_a_response_shows_comes_back() -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    found = asked(
        text={"format": form, "verbosity": "low"},
        tools=[TOOL],
        tool_choice={"type": "function", "name": "look"},
        reasoning={"effort": "low"},
        truncation="auto",
        metadata={"k": "v"},
        instructions="Be brief",
        user="u",
        max_tool_calls=2,
        conversation={"id": conversation_id_shown(GENERATION)},
    )
    assert found.conversation_id == GENERATION
    fitted = fit(ABLE, found)
    shown = parameters_of("m", 0, fitted.request, fitted.sampling)
    assert shown.text == {"format": {**form, "description": None}, "verbosity": "low"}
    assert shown.tool_choice == {"type": "function", "name": "look"}
    assert shown.reasoning == {"effort": "low", "summary": None}
    assert (shown.truncation, shown.metadata, shown.instructions, shown.user) == ("auto", {"k": "v"}, "Be brief", "u")
    assert (shown.max_tool_calls, shown.conversation_id) == (2, conversation_id_shown(GENERATION))
    assert json.loads(found.sampling.response_schema) == {"type": "object"}


@pytest.mark.parametrize(
    ("said", "status", "param"),
    [
        ({"input": None}, 400, "input"),
        ({"input": [{}] * 4_097}, 400, "input"),
        ({"background": True, "store": False}, 400, "background"),
        ({"stream_options": {}}, 400, "stream_options"),
        ({"previous_response_id": "resp_1"}, 404, "previous_response_id"),
        ({"conversation": "x"}, 404, "conversation"),
        (
            {"previous_response_id": response_id(GENERATION), "conversation": conversation_id_shown(GENERATION)},
            400,
            "previous_response_id",
        ),
        ({"tools": [7]}, 400, "tools[0]"),
        ({"tools": [{"type": "function"}]}, 400, "tools[0].name"),
        ({"tools": [{**TOOL, "strict": "yes"}]}, 400, "tools[0]"),
        ({"tools": [{**TOOL, "name": "a b"}]}, 400, "tools[0].name"),
        ({"tools": [{**TOOL, "parameters": {"$ref": "http://x"}}]}, 400, "tools[0].parameters"),
        ({"tools": [TOOL, TOOL]}, 400, "tools[1]"),
        ({"tools": [{**TOOL, "name": f"t{n}"} for n in range(129)]}, 400, "tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "no"}}, 400, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, 400, "tool_choice.type"),
        ({"tools": [TOOL], "tool_choice": 7}, 400, "tool_choice"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, 400, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, 400, "text.format.name"),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"not": {}}}}},
            400,
            "text.format.schema",
        ),
        ({"prompt": {"id": "p"}}, 400, "prompt"),
    ],
)
def test_what_cannot_be_done_is_named(said: dict[str, Any], status: int, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        asked(**said)
    assert (caught.value.status, caught.value.param) == (status, param)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_a_model_cannot_do(said: dict[str, Any], param: str) -> None:
    bare = replace(SPEC, capabilities=("streaming",))
    with pytest.raises(ApiError) as caught:
        fit(bare, asked(**said))
    assert caught.value.param == param
    fit(ABLE, asked(**said))


def test_what_a_model_need_not_do_is_left_out() -> None:
    bare = replace(SPEC, capabilities=("streaming",))
    found = fit(bare, asked(tools=[TOOL], reasoning={"effort": "high"}, include=["message.output_text.logprobs"]))
    assert (found.request.tooling, found.sampling.reasoning_effort, found.sampling.top_logprobs) == (None, "", None)


@pytest.mark.usefixtures("level")
def test_before_the_upgrade_is_finished() -> None:
    set_write_level(3)
    with pytest.raises(ApiError, match="until the upgrade is finished"):
        fit(ABLE, asked())
