"""What servers with Chat Completions do differently with calls, reasoning, refusals and logprobs: case by case."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_workers.engines import openai_calls
from inference_workers.engines.openai_calls import NO_ARGUMENTS
from inference_workers.engines.openai_stream import MAX_TOLD, ChatStream
from inference_workers.engines.think_tags import MAX_BLANKS, ThinkSplitter
from inference_workers.ports import (
    AnswerEvent,
    Arguments,
    Delta,
    EngineError,
    EngineFailed,
    EngineRequest,
    EngineUnavailable,
    Finish,
    Reasoning,
    Refusal,
    ToolCall,
)
from infra.models.spec import ThinkTags
from schemas.conversation import Sampling
from schemas.limits import MAX_ANSWER_CHARS
from schemas.parts import ToolDefinition, Tooling
from tests.unit.inference_workers.test_openai_stream import DONE, REQUEST, STOP, data, delta, event

TOOLS = replace(REQUEST, tooling=Tooling(tools=(ToolDefinition("weather"), ToolDefinition("time"))))
CALLED = event(reason="tool_calls")
USAGE = {"prompt_tokens": 7, "completion_tokens": 5}
COUNTED = Finish("tool_calls", 7, 5)
ARGUMENTS = '{"city": "Zürich"}'


def fragment(arguments: object = None, **more: object) -> dict[str, object]:
    """One entry of `tool_calls`; `name` and `arguments` go where they belong."""
    function = {"arguments": arguments} | ({"name": more.pop("name")} if "name" in more else {})
    return {"function": function, **more}


def calls(*fragments: dict[str, object]) -> str:
    return delta(tool_calls=list(fragments))


class Read:
    """What a stream became, in its order: (kind, text, id and name of a call)."""

    def __init__(self, *pieces: str | bytes, request: EngineRequest = TOOLS) -> None:
        stream = ChatStream(request)
        events: list[AnswerEvent] = []
        for piece in pieces:
            events += stream.feed(piece.encode() if isinstance(piece, str) else piece)
        events += stream.end()
        self.tokens = sum(found.tokens for found in events)
        self.logprobs = [found.logprobs for found in events if isinstance(found, Delta) and found.logprobs]
        self.parts: list[tuple[str, ...]] = []
        for found in events:
            kind = {Delta: "text", Reasoning: "reasoning", Refusal: "refusal", Arguments: "call"}.get(type(found), "")
            if isinstance(found, ToolCall):
                self.parts.append(("call", "", found.call_id, found.name))
            elif self.parts and self.parts[-1][0] == kind:
                before = self.parts.pop()
                self.parts.append((kind, before[1] + found.text, *before[2:]))
            else:
                assert kind != "call", "arguments follow their call"
                self.parts.append((kind, found.text))
        self.finish: Finish | None = None
        self.error: EngineError | None = None
        try:
            self.finish = stream.finish()
        except EngineError as error:
            self.error = error


ONE = [("call", ARGUMENTS, "call_1", "weather")]
TWO = [*ONE, ("call", "{}", "call_2", "time")]
ONE_CASES: dict[str, str] = {
    "as OpenAI streams it": calls(fragment("", index=0, id="call_1", name="weather", type="function"))
    + calls(fragment('{"city": ', index=0))
    + calls(fragment('"Zürich"}', index=0)),
    "all in one chunk": calls(fragment(ARGUMENTS, index=0, id="call_1", name="weather")),
    "without an index": calls(fragment("", id="call_1", name="weather"))
    + calls(fragment('{"city": '))
    + calls(fragment('"Zürich"}')),
    "the index begins at 1": calls(fragment('{"city": ', index=1, id="call_1", name="weather"))
    + calls(fragment('"Zürich"}', index=1)),
    "id and name in every fragment": calls(fragment('{"city": ', index=0, id="call_1", name="weather"))
    + calls(fragment('"Zürich"}', index=0, id="call_1", name="weather")),
    "another id in every fragment": calls(fragment('{"city": ', index=0, id="call_1", name="weather"))
    + calls(fragment('"Zürich"}', index=0, id="call_9")),
    "null for what is not said": calls(fragment(None, index=0, id="call_1", name="weather"))
    + calls(fragment('{"city": ', index=0, id=None, name=None))
    + calls(fragment('"Zürich"}', index=0, id=None, name=None, type=None)),
    "the id comes later": calls(fragment("", index=0, name="weather"))
    + calls(fragment(ARGUMENTS, index=0, id="call_1")),
    "the name in pieces": calls(fragment("", index=0, id="call_1", name="wea"))
    + calls(fragment(None, index=0, name="ther"))
    + calls(fragment(ARGUMENTS, index=0)),
    "the name grows": calls(fragment("", index=0, id="call_1", name="wea"))
    + calls(fragment(None, index=0, name="weather"))
    + calls(fragment(ARGUMENTS, index=0)),
    "no list": delta(tool_calls=fragment(ARGUMENTS, id="call_1", name="weather")),
    "with empty content": delta(content="", tool_calls=[fragment(ARGUMENTS, index=0, id="call_1", name="weather")])
    + delta(content=None, role="assistant"),
    "together with the reason": data(
        {
            "choices": [
                {
                    "delta": {"tool_calls": [fragment(ARGUMENTS, index=0, id="call_1", name="weather")]},
                    "finish_reason": "tool_calls",
                }
            ]
        }
    ),
    "halved characters": calls(fragment('{"city": "Z', index=0, id="call_1", name="weather"))
    + 'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\u00fcrich\\"}"}}]}}]}\n\n',
}


@pytest.mark.parametrize("case", ONE_CASES)
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
def test_one_call(case: str, reason: str) -> None:
    whole = ONE_CASES[case] + event(reason=reason) + data({"choices": [], "usage": USAGE}) + DONE
    for pieces in ([whole], whole.split("\n\n"), [whole.encode()[at : at + 1] for at in range(len(whole.encode()))]):
        ends = "\n\n" if len(pieces) > 1 and isinstance(pieces[0], str) else ""
        read = Read(*(piece + ends if isinstance(piece, str) else piece for piece in pieces))
        assert (read.parts, read.finish, read.error) == (ONE, COUNTED, None)


FIRST = fragment(ARGUMENTS, index=0, id="call_1", name="weather")
TWO_CASES: dict[str, str] = {
    "one after the other": calls(FIRST) + calls(fragment("{}", index=1, id="call_2", name="time")),
    "both in one delta": calls(FIRST, fragment("{}", index=1, id="call_2", name="time")),
    "both in one delta, without indexes": calls(
        fragment(ARGUMENTS, id="call_1", name="weather"), fragment("{}", id="call_2", name="time")
    ),
    "all indexes are 0": calls(FIRST) + calls(fragment("{}", index=0, id="call_2", name="time")),
    "no indexes": calls(fragment(ARGUMENTS, id="call_1", name="weather"))
    + calls(fragment("{}", id="call_2", name="time")),
    "an index only in the first": calls(FIRST) + calls(fragment("{}", id="call_2", name="time")),
    "mixed": calls(fragment('{"city": ', index=0, id="call_1", name="weather"))
    + calls(fragment("", index=1, id="call_2", name="time"))
    + calls(fragment('"Zürich"}', index=0))
    + calls(fragment("{}", index=1)),
    "mixed, and the second is done first": calls(fragment('{"city": ', index=0, id="call_1", name="weather"))
    + calls(fragment("{}", index=1, id="call_2", name="time"))
    + calls(fragment('"Zürich"}', index=0)),
    "fragments of both in each delta": calls(
        fragment('{"city": ', index=0, id="call_1", name="weather"), fragment("{", index=1, id="call_2", name="time")
    )
    + calls(fragment('"Zürich"}', index=0), fragment("}", index=1)),
    "arguments as objects": calls(
        fragment({"city": "Zürich"}, index=0, id="call_1", name="weather"),
        fragment({}, index=1, id="call_2", name="time"),
    ),
    "an empty rest": calls(FIRST)
    + calls(fragment("{}", index=1, id="call_2", name="time"))
    + calls(fragment("", index=0)),
    "the second has no arguments": calls(FIRST) + calls(fragment(None, index=1, id="call_2", name="time")),
}


@pytest.mark.parametrize("case", TWO_CASES)
def test_two_calls(case: str) -> None:
    read = Read(TWO_CASES[case] + CALLED + DONE)
    expected = [("call", ARGUMENTS.replace(": ", ":"), "call_1", "weather"), TWO[1]] if "objects" in case else TWO
    assert (read.parts, read.finish, read.error) == (expected, Finish("tool_calls"), None)


def test_calls_without_ids_and_indexes_are_told_apart_as_wholes() -> None:
    body = calls(fragment('{"a": 1}', name="time")) + calls(fragment('{"a": 2}', name="time"))
    assert [part[1] for part in Read(body + CALLED).parts] == ['{"a": 1}', '{"a": 2}']
    both = calls(fragment("{}", name="time"), fragment("{}", name="weather"))
    assert [part[1:] for part in Read(both + CALLED).parts] == [("{}", "", "time"), ("{}", "", "weather")]


def test_one_id_for_two_calls_is_two_calls() -> None:
    body = calls(fragment("{}", index=0, id="x", name="time"), fragment("{}", index=1, id="x", name="weather"))
    assert [part[3] for part in Read(body + CALLED).parts] == ["time", "weather"]


@pytest.mark.parametrize("none", [None, ""])
def test_a_call_without_arguments_has_an_empty_object(none: str | None) -> None:
    assert Read(calls(fragment(none, index=0, id="a", name="time")) + CALLED).parts == [
        ("call", NO_ARGUMENTS, "a", "time")
    ]
    cut = Read(calls(fragment(none, index=0, id="a", name="time")) + event(reason="length"))
    assert (cut.parts, cut.finish) == ([("call", "", "a", "time")], Finish("length"))


@pytest.mark.parametrize("text", ['{"a": ]', "call me", '{"a": 1} trailing', "[1, 2]", "7", '"text"'])
def test_malformed_arguments_are_passed_on_as_they_are(text: str) -> None:
    read = Read(calls(fragment(text, index=0, id="a", name="time")) + CALLED)
    assert (read.parts, read.finish) == ([("call", text, "a", "time")], Finish("tool_calls"))


def test_the_function_call_of_before() -> None:
    body = delta(function_call={"name": "weather", "arguments": ""}) + delta(function_call={"arguments": ARGUMENTS})
    read = Read(body + event(reason="function_call"))
    assert (read.parts, read.finish) == ([("call", ARGUMENTS, "", "weather")], Finish("tool_calls"))


def test_text_around_calls_keeps_its_place() -> None:
    read = Read(event("Let me look. ") + calls(FIRST) + event("Done.") + STOP)
    assert [part[:2] for part in read.parts] == [("text", "Let me look. "), ("call", ARGUMENTS), ("text", "Done.")]
    assert read.finish == Finish("tool_calls")
    within = Read(
        calls(fragment('{"city": ', index=0, id="call_1", name="weather"))
        + event("Hm")
        + calls(fragment('"Zürich"}', index=0))
        + event("m.")
        + CALLED
    )
    assert [part[:2] for part in within.parts] == [("call", ARGUMENTS), ("text", "Hmm.")]


def test_a_reason_for_calls_without_calls() -> None:
    assert Read(event("Yes.") + CALLED).finish == Finish("stop")
    silent = Read(CALLED)
    assert silent.error is not None
    assert (silent.error.code, silent.error.retryable) == ("empty_answer", True)


def test_an_answer_that_was_cut_within_a_call_says_so() -> None:
    read = Read(calls(fragment('{"city": ', index=0, id="a", name="weather")) + event(reason="length"))
    assert (read.parts, read.finish) == ([("call", '{"city": ', "a", "weather")], Finish("length"))


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("", EngineUnavailable),
        (DONE, EngineFailed),
        (data({"error": {"message": "secret"}}), EngineFailed),
        ('data: {"choices":[{"delta":{"tool_ca', EngineUnavailable),
        (calls(fragment("}}", index=0, name="other")) + CALLED, EngineFailed),
        (delta(tool_calls=[7]) + CALLED, EngineFailed),
        (delta(tool_calls=[{"index": 0, "function": 7}]) + CALLED, EngineFailed),
    ],
)
def test_a_stream_that_breaks_within_a_call_is_no_answer(last: str, kind: type[EngineError]) -> None:
    read = Read(calls(fragment('{"city": ', index=0, id="a", name="weather")) + last)
    assert read.finish is None
    assert isinstance(read.error, kind)
    assert read.parts == [("call", '{"city": ', "a", "weather")]
    assert "secret" not in str(read.error)


def test_what_follows_a_call_that_is_over_cannot_be_put_in_order() -> None:
    read = Read(
        calls(FIRST) + calls(fragment("{}", index=1, id="b", name="time")) + calls(fragment("x", index=0)) + CALLED
    )
    assert isinstance(read.error, EngineFailed)


def test_a_name_that_never_ends_is_none() -> None:
    stream = ChatStream(TOOLS)
    for _ in range(3):
        stream.feed(calls(*(fragment(index=0, name="na"[n % 2]) for n in range(100))).encode())
    with pytest.raises(EngineFailed, match="usable name"):
        stream.finish()


def test_a_call_whose_name_comes_with_every_fragment_is_looked_at_no_more_than_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0

    def counted(text: str) -> object:
        nonlocal looked
        looked += 1
        return json.loads(text)

    monkeypatch.setattr(openai_calls, "json", SimpleNamespace(loads=counted, dumps=json.dumps))
    listed = "[" + ", ".join('{"a": 1}' for _ in range(1000)) + "]"
    whole = f'{{"all": {listed}, "code": "{"{}" * 1000}"}}'
    cut = [piece for each in whole.split("{") for piece in (each, "{")][:-1]
    read = Read(*(calls(fragment(piece, index=0, name="weather")) for piece in cut), CALLED)
    assert read.parts == [("call", whole, "", "weather")]
    assert looked <= openai_calls.MAX_LOOKS


def test_what_waits_for_a_call_is_bounded() -> None:
    open_call = calls(fragment("{", index=0, id="a", name="time"))
    more = calls(fragment("x" * 300_000, index=1, id="b", name="time"))
    assert MAX_ANSWER_CHARS < 4 * 300_000
    assert isinstance(Read(open_call, *[more] * 4, CALLED).error, EngineFailed)
    many = [calls(fragment("{", index=n, id=str(n), name="time")) for n in range(2000)]
    assert isinstance(Read(*many, CALLED).error, EngineFailed)


@pytest.mark.parametrize(
    "request_", [REQUEST, replace(TOOLS, tooling=replace(TOOLS.tooling or Tooling(tools=()), choice="none"))]
)
def test_a_call_that_was_not_offered_is_none(request_: EngineRequest) -> None:
    read = Read(calls(FIRST) + CALLED, request=request_)
    assert read.parts == []
    assert read.error is not None
    assert read.error.code == "unexpected_tool_call"
    spoken = Read(event("Yes.") + calls(FIRST) + STOP, request=request_)
    assert (spoken.parts, spoken.finish) == ([("text", "Yes.")], Finish("stop"))


@pytest.mark.parametrize(
    "thought",
    [
        delta(reasoning_content="Hm."),
        delta(reasoning="Hm."),
        delta(reasoning="Hm.", reasoning_content="Hm."),
        delta(reasoning="Hm.", reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]),
        delta(
            reasoning_details=[{"type": "reasoning.text", "text": "H"}, {"type": "reasoning.summary", "summary": "m."}]
        ),
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
        event("<think>Hm.</think>\n\n"),
        event("<think>") + event("Hm.") + event("</think>") + event("\n") + event("\n"),
        "".join(map(event, "\n<think>Hm.</think>\n")),
    ],
)
def test_reasoning(thought: str) -> None:
    read = Read(thought + event("Yes. <think>") + event(" </think>") + STOP, request=REQUEST)
    assert (read.parts, read.finish) == ([("reasoning", "Hm."), ("text", "Yes. <think> </think>")], Finish("stop"))
    called = Read(thought + calls(FIRST) + CALLED)
    assert called.parts == [("reasoning", "Hm."), *ONE]


def test_reasoning_between_texts_is_a_part_of_its_own() -> None:
    read = Read(event("a") + delta(reasoning="b") + event("c") + delta(reasoning="d") + event("e") + STOP)
    assert [kind for kind, _ in read.parts] == ["text", "reasoning", "text", "reasoning", "text"]


def test_reasoning_that_never_ends_is_no_answer() -> None:
    read = Read(event("<think>Hm. </th") + STOP, request=REQUEST)
    assert read.parts == [("reasoning", "Hm. </th")]
    assert read.error is not None
    assert read.error.code == "empty_answer"
    assert Read(event("<think>Hm.") + event(reason="length"), request=REQUEST).finish == Finish("length")


def test_a_model_says_where_its_tags_are() -> None:
    def text_of(tags: ThinkTags, body: str, prefix: str = "") -> list[tuple[str, ...]]:
        request = replace(REQUEST, model=replace(REQUEST.model, think_tags=tags), prefix=prefix)
        return Read(body + STOP, request=request).parts

    tagged = event("<think>Hm.</think>Yes.")
    assert text_of("off", tagged) == [("text", "<think>Hm.</think>Yes.")]
    assert text_of("begin", tagged, prefix="so far") == [("text", "<think>Hm.</think>Yes.")]
    assert text_of("open", event("Hm.</think>Yes.")) == [("reasoning", "Hm."), ("text", "Yes.")]
    assert text_of("begin", event("<thinking>")) == [("text", "<thinking>")]
    assert text_of("begin", event("<th")) == [("text", "<th")]


@given(
    st.sampled_from(["", "\n ", " " * 100]),
    st.text("ab<>/think\n", max_size=20),
    st.text("ab<>/think", max_size=20),
    st.lists(st.integers(0, 200), max_size=10),
)
def test_any_cut_of_tags_gives_the_same(blanks: str, thought: str, text: str, places: list[int]) -> None:
    whole = f"{blanks}<think>{thought}</think>{text}"

    def split(pieces: list[str]) -> dict[str, str]:
        splitter, found = ThinkSplitter("begin"), {"reasoning": "", "text": ""}
        for kind, piece in itertools.chain.from_iterable([*map(splitter.feed, pieces), splitter.end()]):
            found[kind] += piece
        return found

    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    by_pieces = split([whole[a:b] for a, b in itertools.pairwise(edges)])
    assert by_pieces == split([whole]) == split(list(whole))
    if len(blanks) < 64:
        reasoning, _, rest = f"{thought}</think>{text}".partition("</think>")
        assert by_pieces == {"reasoning": reasoning, "text": rest.lstrip("\r\n")}


def test_line_breaks_behind_the_reasoning_do_not_pile_up() -> None:
    splitter = ThinkSplitter("begin")
    assert splitter.feed("<think>Hm.</think>") == [("reasoning", "Hm.")]
    found = [splitter.feed("\n") for _ in range(2 * MAX_BLANKS)]
    assert found[:MAX_BLANKS] == [[]] * MAX_BLANKS and splitter.over
    assert found[-1] == [("text", "\n")]


def test_a_refusal_is_told_from_text() -> None:
    read = Read(delta(refusal="I ") + delta(refusal="won't.") + event(reason="content_filter"))
    assert (read.parts, read.finish) == ([("refusal", "I won't.")], Finish("content_filter"))


@pytest.mark.parametrize(
    "last",
    [
        STOP + data({"choices": [], "usage": USAGE}) + DONE,
        event(reason="stop", usage=USAGE) + DONE,
        data({"usage": USAGE, "choices": [{"delta": {}}]}) + STOP,
        data({"choices": [{"delta": {}, "finish_reason": "stop", "usage": USAGE}]}) + DONE,
        event(reason="stop", x_groq={"id": "x", "usage": USAGE}) + DONE,
        data({"usage": {"prompt_tokens": 7, "completion_tokens": 1}}) + STOP + data({"usage": USAGE}) + DONE,
    ],
)
def test_usage_in_any_chunk(last: str) -> None:
    assert Read(event("a") + last, request=REQUEST).finish == Finish("stop", 7, 5)


def entry(token: str, logprob: object = -0.5, **more: object) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, **more}


def with_logprobs(text: str, *entries: object) -> str:
    return data({"choices": [{"delta": {"content": text}, "logprobs": {"content": list(entries)}}]})


def test_logprobs_where_they_were_asked_for() -> None:
    body = with_logprobs("é", entry("é", bytes=[195, 169], top_logprobs=[entry("e")], id=7)) + STOP
    assert Read(body, request=REQUEST).logprobs == []
    asked = replace(REQUEST, sampling=Sampling(max_tokens=9, top_logprobs=1))
    told = Read(body, request=asked).logprobs
    assert json.loads(told[0]) == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -0.5, "bytes": [101]}],
        }
    ]
    assert told[0].isascii()


def test_logprobs_whose_text_never_comes_do_not_pile_up() -> None:
    stream = ChatStream(replace(REQUEST, sampling=Sampling(max_tokens=9, top_logprobs=1)))
    silent = data({"choices": [{"delta": {"role": "assistant"}, "logprobs": {"content": [entry("a")] * 500}}]})
    for _ in range(20):
        assert stream.feed(silent.encode()) == []
    (said,) = stream.feed(delta(content="a").encode())
    assert isinstance(said, Delta) and len(json.loads(said.logprobs)) == MAX_TOLD
    long = Read(
        with_logprobs("a", entry("a" * 5_000), entry("a", bytes=[97] * 5_000)) + STOP,
        request=replace(REQUEST, sampling=Sampling(max_tokens=9, top_logprobs=1)),
    )
    assert [each["bytes"] for each in json.loads(long.logprobs[0])] == [[97]]


def test_numbers_and_values_beyond_all_bounds_are_the_upstreams_fault() -> None:
    asked = replace(REQUEST, sampling=Sampling(max_tokens=9, top_logprobs=1))
    assert Read(with_logprobs("a", entry("a", 10**400)) + STOP, request=asked).error is not None
    deep = json.dumps(fragment("DEEP", index=0, name="weather")).replace('"DEEP"', "[" * 1010 + "]" * 1010)
    read = Read(f'data: {{"choices":[{{"delta":{{"tool_calls":[{deep}]}}}}]}}\n\n', CALLED)
    assert isinstance(read.error, EngineFailed)


@pytest.mark.parametrize(
    "odd", [7, "a", {}, entry("a", "b"), entry("a", None), {"token": 7, "logprob": 1}, entry("a", top_logprobs=7)]
)
def test_logprobs_that_are_none_are_left_out(odd: object) -> None:
    asked = replace(REQUEST, sampling=Sampling(max_tokens=9, top_logprobs=1))
    read = Read(
        with_logprobs("a", odd) + data({"choices": [{"delta": {"content": "b"}, "logprobs": odd}]}) + STOP,
        request=asked,
    )
    assert (read.parts, read.error) == ([("text", "ab")], None)
    assert all(isinstance(json.loads(told), list) for told in read.logprobs)
