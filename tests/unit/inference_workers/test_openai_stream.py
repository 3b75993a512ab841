"""Reading Chat Completions streams: any cut, any honest variation, and every kind of nonsense."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines.event_stream import MAX_EVENT_BYTES
from inference_workers.engines.openai_stream import ChatStream
from inference_workers.ports import (
    AnswerEvent,
    Delta,
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineRequest,
    EngineUnavailable,
    Finish,
    Reasoning,
    Refusal,
)
from infra.models.catalogue import Deadlines, ModelCatalogue
from schemas.conversation import ChatMessage, Sampling

REQUEST = EngineRequest(
    "r", ModelCatalogue.load().default_model, (ChatMessage("user", "q"),), Sampling(max_tokens=9), Deadlines()
)


def event(text: str | None = None, *, reason: str | None = None, **more: object) -> str:
    delta = {} if text is None else {"content": text}
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}) + "\n\n"


def data(value: object) -> str:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def delta(**fields: object) -> str:
    return data({"choices": [{"index": 0, "delta": fields}]})


STOP = event(reason="stop")
DONE = "data: [DONE]\n\n"
USAGE = (
    'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,'
    '"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
)
GARBAGE = """\
{nonsense
7
[]
"text"
{"choices":7}
{"choices":[7]}
{"choices":[{"delta":7}]}
{"choices":[{"delta":{"content":7}}]}
{"choices":[{"delta":{"content":[7]}}]}
{"choices":[{"delta":{"reasoning":7}}]}
"""


class Read:
    """What a stream made of some pieces of a body: texts, thoughts, and how it ended."""

    def __init__(self, *pieces: str | bytes, request: EngineRequest = REQUEST) -> None:
        stream = ChatStream(request)
        events: list[AnswerEvent] = []
        for piece in pieces:
            events += stream.feed(piece.encode() if isinstance(piece, str) else piece)
        events += stream.end()
        self.events = events
        self.text = "".join(found.text for found in events if isinstance(found, Delta))
        self.thought = "".join(found.text for found in events if isinstance(found, Reasoning))
        self.tokens = sum(found.tokens for found in events if isinstance(found, Delta))
        self.refusal = "".join(found.text for found in events if isinstance(found, Refusal))
        self.finish: Finish | None = None
        self.error: EngineError | None = None
        try:
            self.finish = stream.finish()
        except EngineError as error:
            self.error = error

    @property
    def seen(self) -> tuple[str, str, int, Finish | None, str]:
        return self.text, self.thought, self.tokens, self.finish, str(self.error)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["content", "reasoning"]), st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.sampled_from(
        [event(reason="length") + USAGE + DONE, event(reason="error"), data({"error": "no"}), "data: {", ""]
    ),
    st.lists(st.integers(0, 5000), max_size=12),
)
def test_any_cut_gives_the_same(parts: list[tuple[str, str]], end: str, last: str, places: list[int]) -> None:
    whole = ("".join(delta(**{kind: text}) for kind, text in parts) + last).replace("\n", end).encode()
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    cut = Read(*(whole[a:b] for a, b in itertools.pairwise(edges)))
    assert cut.seen == Read(whole).seen == Read(*(whole[at : at + 1] for at in range(len(whole)))).seen
    said = [text for kind, text in parts if kind == "content"]
    assert (cut.text, cut.tokens) == ("".join(said), len(said))
    assert cut.thought == "".join(text for kind, text in parts if kind == "reasoning")
    assert (cut.error is None) == ("length" in last)
    if cut.finish is not None:
        assert cut.finish == Finish("length", 7, 2, 3, 1)


def test_tokens_of_one_read_come_together() -> None:
    stream = ChatStream(REQUEST)
    assert stream.feed((event("a") + event("b")).encode()) == [Delta("ab", 2)]
    mixed = delta(reasoning_content="c") + delta(reasoning_content="d") + event("e") + delta(reasoning="f")
    assert stream.feed(mixed.encode()) == [Reasoning("cd", 2), Delta("e", 1), Reasoning("f", 1)]
    assert stream.tokens == 6


def test_variations_of_the_wire() -> None:
    unicode = 'data:{"choices":[{"delta":{"content":"é€"}}]}\r\n\r\n'
    noise = ": keep-alive\n\nevent: message\nid: 3\nretry: 5\n"
    role = 'data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}\n\n'
    read = Read(noise + role + unicode + STOP + DONE)
    assert (read.text, read.tokens, read.finish) == ("é€", 1, Finish("stop"))


IDLE = [
    data("null"),
    data(""),
    "data:\n\n",
    data("ping"),
    "event: ping\ndata: ping\n\n",
    "event: heartbeat\ndata: 12:30\n\n",
    data({"choices": []}),
    data({"choices": None}),
    data({"type": "ping"}),
    data({"choices": [{"index": 0, "delta": None}]}),
    data({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": None}}]}),
    data({"choices": [{"index": 0, "delta": {}}], "prompt_progress": {"total": 9, "processed": 3}}),
    data({"choices": [{"index": 1, "delta": {"content": "other"}}]}),
    data({"error": None, "usage": None}),
    delta(tool_calls=[]),
]


@pytest.mark.parametrize("idle", IDLE)
def test_what_says_nothing_changes_nothing(idle: str) -> None:
    read = Read(idle + event("a") + idle + event("b") + idle + STOP + idle + USAGE + idle + DONE)
    assert read.seen == ("ab", "", 2, Finish("stop", 7, 2, 3, 1), "None")


def test_a_byte_order_mark_json_over_lines_and_a_missing_end_of_the_last_line() -> None:
    two_lines = 'data: {"choices":\ndata: [{"delta":{"content":"lo"}}]}\n\n'
    read = Read("\ufeff" + event("Hel") + two_lines + event(" end", reason="stop").rstrip("\n"))
    assert (read.text, read.finish) == ("Hello end", Finish("stop"))


def test_events_without_blank_lines_between_them_are_read_line_by_line() -> None:
    read = Read((event("a") + event("b") + STOP + DONE).replace("\n\n", "\n"))
    assert (read.text, read.tokens, read.finish) == ("ab", 2, Finish("stop"))


def test_halved_surrogate_pairs_are_joined() -> None:
    first = 'data: {"choices":[{"delta":{"content":"a\\ud83c"}}]}\n\n'
    second = 'data: {"choices":[{"delta":{"content":"\\udf89"}}]}\n\n'
    assert Read(first + second + STOP).text == "a🎉"
    assert Read(first, second, STOP).text == "a🎉"
    assert Read(first + STOP).text == "a\ufffd"


def test_content_in_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    read = Read(delta(content=[thinking]) + delta(content=[{"type": "text", "text": "a"}, "b"]) + STOP)
    assert (read.thought, read.text, read.finish) == ("hm", "ab", Finish("stop"))


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos_token", "end_turn", "stop_sequence"])
def test_the_end_is_known_by_the_finish_reason(reason: str) -> None:
    assert Read(event("a") + event(reason=reason)).finish == Finish("stop")
    assert Read(event("a") + event(reason=reason) + "data: {nonsense\n\n" + data({"error": "x"})).finish == Finish(
        "stop"
    )
    assert Read(event("a", reason=reason) + event("b") + USAGE).seen[:1] == ("ab",)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        *((event(reason=reason), reason) for reason in ("error", "abort", "cancelled", "insufficient_system_resource")),
        (event(reason="a secret prompt"), "unknown"),
        (DONE, "without a finish reason"),
        ("", "broke off"),
        ('data: {"choices":[{"del', "broke off"),
        ('event: error\ndata: {"message":"a secret prompt"}\n\n' + DONE, "reported an error"),
        ("event: error\ndata: a secret prompt\n\n" + STOP + DONE, "reported an error"),
        ("event: error\ndata:\n\n" + STOP, "reported an error"),
        ('error: {"code":500,"message":"a secret prompt","type":"server_error"}\n\n' + STOP + DONE, "(500)"),
        (data({"object": "error", "message": "a secret prompt", "type": "Oops", "code": 500}) + STOP + DONE, "(500)"),
        (data({"detail": "a secret prompt"}) + STOP + DONE, "reported an error"),
        (data({"errors": [{"message": "a secret prompt"}]}) + STOP + DONE, "reported an error"),
        (data({"message": "a secret prompt", "code": "overdue"}) + STOP, "(overdue)"),
        (event(reason="error", error={"code": 502, "message": "a secret prompt"}) + STOP, "(502)"),
        (data({"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 503}}]}) + STOP, "(503)"),
        ("x" * (MAX_EVENT_BYTES + 1), "an event of more than"),
        (data("[" * 200_000) + STOP, "an event that is not JSON"),
        *((data(line) + STOP + DONE, "the upstream sent an event that is") for line in GARBAGE.splitlines()),
    ],
)
@pytest.mark.parametrize("before", [event("Half"), ""])
def test_a_bad_end_is_no_end_and_what_came_before_is_kept(before: str, last: str, said: str) -> None:
    for pieces in ([before + last], [before, last], [before + last[:9], last[9:]]):
        read = Read(*pieces)
        assert (read.text, read.finish) == (before and "Half", None)
        assert said in str(read.error)
        assert "secret" not in str(read.error)
        assert "nonsense" not in str(read.error)
        assert read.error is not None
        assert read.error.retryable


def test_an_answer_that_broke_off_may_be_continued_and_no_other() -> None:
    assert isinstance(Read(event("a")).error, EngineUnavailable)
    assert not isinstance(Read(event("a") + DONE).error, EngineUnavailable)


@pytest.mark.parametrize(
    ("body", "request_", "expected"),
    [
        (STOP, REQUEST, "an empty answer"),
        (event("") + STOP + USAGE + DONE, REQUEST, "an empty answer"),
        (event(reason="length"), REQUEST, "no room"),
        (event(reason="length") + USAGE, REQUEST, Finish("length", 7, 2, 3, 1)),
        (delta(reasoning="hm") + event(reason="length"), REQUEST, Finish("length")),
        (delta(reasoning="hm") + STOP, REQUEST, "stopped after thinking"),
        (event(reason="content_filter"), REQUEST, Finish("content_filter")),
        (delta(tool_calls=[{"index": 0}]) + event(reason="tool_calls"), REQUEST, "called a tool"),
        (delta(tool_calls=[{"index": 0}]) + STOP, REQUEST, "called a tool"),
        (event("a") + event(reason="function_call"), REQUEST, "called a tool"),
        (event("a") + delta(tool_calls=[{"index": 0}]) + STOP, REQUEST, Finish("stop")),
        (STOP, replace(REQUEST, prefix="so far"), Finish("stop")),
        (STOP, replace(REQUEST, sampling=Sampling(max_tokens=9, stop=("x",))), Finish("stop")),
        (delta(refusal="No.") + STOP, REQUEST, Finish("stop")),
    ],
)
def test_answers_without_text(body: str, request_: EngineRequest, expected: Finish | str) -> None:
    read = Read(body, request=request_)
    if isinstance(expected, Finish):
        assert read.finish == expected
    else:
        assert read.finish is None
        assert expected in str(read.error)


@pytest.mark.parametrize("count", [-1, 1.5, True, "7", None, [], {}])
def test_counts_that_are_none(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": count, "prompt_tokens_details": count}
    assert Read(event("a") + STOP + data({"usage": usage})).finish == Finish("stop")


def test_counts_of_any_size_are_passed_on() -> None:
    usage = {"prompt_tokens": 2**63, "completion_tokens": 3_000_000_000}
    assert Read(event("a") + STOP + data({"usage": usage})).finish == Finish("stop", 2**63, 3_000_000_000)


@pytest.mark.parametrize(
    ("told", "kind", "code"),
    [
        ({"message": "secret prompt", "code": "context_length_exceeded"}, EngineRejected, "context_length_exceeded"),
        ({"message": "secret prompt", "type": "rate_limit_error"}, EngineOverloaded, "engine_overloaded"),
        ({"message": "secret prompt", "type": "server_error"}, EngineFailed, "engine_failed"),
        ({"message": "secret prompt", "code": "a secret prompt"}, EngineFailed, "engine_failed"),
        ({"message": "secret prompt", "type": "BadRequestError", "code": 400}, EngineRejected, "invalid_request"),
        ({"message": "secret prompt", "code": 401}, EngineRejected, "engine_auth"),
        ({"message": "secret prompt", "code": "model_not_found"}, EngineRejected, "engine_misconfigured"),
        ("secret prompt", EngineFailed, "engine_failed"),
        (["secret prompt"], EngineFailed, "engine_failed"),
        (7, EngineFailed, "engine_failed"),
    ],
)
def test_told_errors_keep_their_kind_and_not_their_words(told: object, kind: type[EngineError], code: str) -> None:
    read = Read(event("a"), data({"error": told}))
    assert read.text == "a"
    assert type(read.error) is kind
    assert read.error.code == code
    assert "secret" not in str(read.error)
