"""The stream of a response: dense numbers, the order that clients insist on, and any cut gives the same bytes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.responses.frames import whole_response
from api.responses.shapes import Parameters, generation_of, response_id
from api.streaming.sources import FinishedSource
from schemas.generation import FinishReason
from schemas.parts import ChunkPart, PartKind
from tests.unit.api.responses.told import ASKED, GENERATION, Said, events, outcome, read_by_client, stream

LOGPROBS = (
    '[{"token":"Hi","logprob":-0.1,"bytes":[72,105],"top_logprobs":[{"token":"Ho","logprob":-2.0,"bytes":[72,111]}]}]'
)
REASONED: Said = [
    ("Hm. ", ChunkPart(0, "reasoning"), ""),
    ("Yes.", ChunkPart(0, "reasoning"), ""),
    ("Hi", ChunkPart(1, "text"), LOGPROBS),
    ("", ChunkPart(2, "tool_call", "call_1", "get_weather"), ""),
    ('{"city":', ChunkPart(2, "tool_call"), ""),
    ('"Ulm"}', ChunkPart(2, "tool_call"), ""),
    ("{}", ChunkPart(3, "tool_call", "call_2", "get_time"), ""),
]


@st.composite
def answers(draw: st.DrawFn) -> Said:
    """Any answer: parts in any order, each of one to three chunks."""
    said: list[tuple[str, ChunkPart | None, str]] = []
    kinds: list[PartKind] = draw(st.lists(st.sampled_from(get_args(PartKind)), max_size=5))
    for index, kind in enumerate(kinds):
        named = (f"call_{index}", "look") if kind == "tool_call" else ("", "")
        plain = index == 0 and kind == "text"
        for nth in range(draw(st.integers(1, 3))):
            part = ChunkPart(index, kind, *(named if nth == 0 else ()))
            logprobs = draw(st.sampled_from(["", LOGPROBS])) if kind == "text" else ""
            said.append((draw(st.text(max_size=6)), None if plain else part, logprobs))
    return said


def test_the_order_of_a_text() -> None:
    told = events(stream(outcome([("Hel", None, ""), ("lo", None, "")])))
    assert [event["type"].removeprefix("response.") for event in told] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    last = told[-1]["response"]
    assert last["output"][0]["content"][0]["text"] == "Hello"
    assert (last["status"], last["usage"]["total_tokens"]) == ("completed", 1011)
    assert last["completed_at"] is not None


def test_reasoning_text_and_parallel_calls_are_items_of_their_own() -> None:
    _, response = read_by_client(stream(outcome(REASONED, "tool_calls")))
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    assert response.output_text == "Hi"
    calls = [item for item in response.output if item.type == "function_call"]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        ("call_1", "get_weather", '{"city":"Ulm"}'),
        ("call_2", "get_time", "{}"),
    ]
    assert response.status == "completed"


@pytest.mark.parametrize(
    ("finish", "status", "last", "reason"),
    [
        ("stop", "completed", "response.completed", None),
        ("tool_calls", "completed", "response.completed", None),
        ("length", "incomplete", "response.incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", "response.incomplete", {"reason": "content_filter"}),
        ("failed", "failed", "response.failed", None),
    ],
)
def test_how_it_ends(finish: FinishReason, status: str, last: str, reason: object) -> None:
    told = events(stream(outcome([("Hel", None, "")], finish)))
    assert told[-1]["type"] == last
    response = told[-1]["response"]
    assert (response["status"], response["incomplete_details"]) == (status, reason)
    assert (response["error"] is not None) == (finish == "failed")
    assert response["output"][0]["status"] == ("completed" if status == "completed" else "incomplete")
    assert told[-2]["type"] == "response.output_item.done"


def test_one_in_the_background_is_queued_first() -> None:
    asked = Parameters(model="m", created_at_us=1, background=True)
    told = events(stream(outcome([("x", None, "")]), asked))
    assert [(event["type"], event["response"]["status"]) for event in told[:3]] == [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ]


@given(answers())
def test_every_answer_is_read_by_the_official_client_and_its_accumulator(said: Said) -> None:
    made = outcome(said)
    body = stream(made)
    told = events(body)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    plain, accumulated = read_by_client(body)
    assert [event.type for event in plain] == [event["type"] for event in told]
    source = FinishedSource(made)
    assert source.turn is not None
    whole = whole_response(source.turn, ASKED, source.pieces, source.ending)
    assert whole == told[-1]["response"]
    assert [item.id for item in accumulated.output] == [item["id"] for item in whole["output"]]


@given(answers(), st.integers(-2, 40))
def test_a_cut_anywhere_goes_on_with_the_same_bytes(said: Said, after: int) -> None:
    made = outcome(said)
    whole = stream(made)
    assert b"".join(_frames(whole)[max(after + 1, 0) :]) == stream(made, after=after)


@given(answers())
def test_a_response_that_still_runs_is_shown_as_far_as_it_is(said: Said) -> None:
    source = FinishedSource(outcome(said))
    assert source.turn is not None
    shown = whole_response(source.turn, ASKED, source.pieces, None)
    assert (shown["status"], shown["usage"]) == ("in_progress", None)
    assert [item["status"] for item in shown["output"]] == [
        *["completed"] * (len(shown["output"]) - 1),
        *["in_progress"] * bool(shown["output"]),
    ]


def _frames(body: bytes) -> list[bytes]:
    return [frame + b"\n\n" for frame in body.split(b"\n\n")[:-1]]


def test_ids_lead_back_to_the_generation() -> None:
    assert generation_of(response_id(GENERATION)) == GENERATION


@pytest.mark.parametrize("text", ["", "resp_", "resp_1", "msg_" + "0" * 32, "resp_" + "g" * 32, "resp_" + "A" * 32])
def test_what_is_no_id(text: str) -> None:
    assert generation_of(text) is None
