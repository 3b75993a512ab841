"""The second reading that decides what "was sent", held against streams whose meaning is plain; and that cases keep."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.bodies import bodies, body_from_json, body_to_json
from tests.fuzz.drawing import drawn
from tests.fuzz.plans import DONE, Event, Plan, as_data, plan_from_json, plan_to_json
from tests.fuzz.reference import Told, told
from tests.fuzz.shrinking import shrunk
from tests.fuzz.streams import plans


def _say(text: str, reason: str | None = None) -> bytes:
    return as_data({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})


STOP = _say("", "stop")
COMPLETED = (_say("Half") + STOP, _say("Half", "stop"), b"\xef\xbb\xbf" + _say("Half") + STOP + DONE)
FAILED = (
    _say("Half"),
    _say("Half") + DONE,
    _say("Half", "error"),
    _say("Half") + b'event: error\ndata: {"message": "boom"}\n\n' + STOP,
    _say("Half") + as_data({"object": "error", "message": "x", "code": 400}) + DONE,
    _say("Half") + as_data({"detail": "x"}) + STOP,
)
OPEN = (
    _say("Half") + b"data: nonsense\n\n" + _say("more") + STOP,
    _say("Half") + STOP + _say("more"),
    _say("Half", "tool_calls"),
    _say("Half") + b'data: {"choices": [[]]}\n\n' + STOP,
)


def _meaning(said: Told) -> tuple[str, bool, str | None, str | None]:
    return said.text, said.text_sure, said.status, said.reason


@pytest.mark.parametrize("body", COMPLETED)
def test_a_whole_answer_is_completed(body: bytes) -> None:
    assert _meaning(told(body)) == ("Half", True, "completed", "stop")


@pytest.mark.parametrize("body", FAILED)
def test_what_is_no_end_is_a_failure_with_the_text_before_it(body: bytes) -> None:
    assert _meaning(told(body)) == ("Half", True, "failed", None)


@pytest.mark.parametrize("body", OPEN)
def test_what_may_be_read_in_two_ways_is_open(body: bytes) -> None:
    said = told(body)
    assert (said.text, said.status) == ("Half", None)


def test_every_line_end_and_every_cut_of_an_event_means_the_same() -> None:
    body = _say("one") + b"data:\n\n" + _say("two", "stop")
    split = body.replace(b'"delta"', b'\ndata: "delta"')
    for same in (body, split, body.replace(b"\n", b"\r"), body.replace(b"\n", b"\r\n"), body.rstrip()):
        assert told(same).text == "onetwo"
        assert told(same).status == "completed"


def test_a_reader_that_waits_for_more_does_not_take_half_an_event() -> None:
    body = _say("one") + _say("two").rstrip()
    assert told(body, ended=False).text == "one"
    assert told(body).text == "onetwo"


def test_an_empty_answer_is_no_success() -> None:
    assert told(STOP + DONE).status == "failed"


def test_the_same_seed_draws_the_same_cases_and_files_keep_them() -> None:
    streams, requests = drawn(plans(), 60, 3), drawn(bodies(), 60, 3)
    assert streams == drawn(plans(), 60, 3)
    assert requests == drawn(bodies(), 60, 3)
    assert streams != drawn(plans(), 60, 4)
    for plan in streams:
        assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan
    for case in requests:
        assert body_from_json(json.loads(json.dumps(body_to_json(case)))) == case


async def test_a_case_is_made_as_small_as_still_goes_wrong() -> None:
    events = [Event(f"e{number}".encode(), 0.1) for number in range(12)]
    plan = Plan(tuple(events), framing="chunked", end="reset", cuts=(3, 9), max_tokens=7)

    async def still_wrong(played: object) -> list[bool]:
        assert isinstance(played, list)
        return [b"e7" in one.body and b"e3" in one.body for one in played]

    assert await shrunk(plan, still_wrong) == Plan((Event(b"e3"), Event(b"e7")))


def test_an_event_that_is_sent_often_pauses_once() -> None:
    plan = Plan((Event(b"a", 0.1), Event(b"b", 0.0)), repeat=(2, 3000))
    assert plan.body == b"a" * 3001 + b"b"
    assert sum(event.pause_s for event in plan.sent) == 0.1
