"""Parts on their way from an engine into the log, and back: what is written is what readers fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_workers.attempts import CANNOT_RESUME, MAX_PARTS
from inference_workers.calls import MAX_CALL_ID_CHARS, MAX_NAME_CHARS
from inference_workers.coalescing import MAX_LOGPROBS_CHARS
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.ports import (
    Arguments,
    Delta,
    EngineUnavailable,
    Finish,
    Reasoning,
    Refusal,
    ToolCall,
)
from inference_workers.publishing import MAX_CHUNK_CHARS
from schemas.codec import encode, set_write_level
from schemas.conversation import Sampling
from schemas.generation import AttemptEnded, GenerationRequested, TokenChunk
from schemas.limits import MAX_ANSWER_CHARS
from schemas.parts import AnswerPart, ChunkPart, ToolDefinition, Tooling
from schemas.price import Usage
from schemas.registry import WRITE_LEVEL
from tests.generation_logs import PROMPT_TOKENS, chunk, started
from tests.unit.inference_workers.memory_log import MemoryLog, ScriptedEngine, attempted, job_record
from topics.catalogue import TOKEN_CHUNKS
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

TOOLS = Tooling(tools=(ToolDefinition("weather"), ToolDefinition("time")))
STOP = Finish("stop", 9, 5, 0)
CALLED = Finish("tool_calls", 9, 5, 0)


@pytest.fixture
def below_parts() -> Iterator[None]:
    set_write_level(3)
    yield
    set_write_level(WRITE_LEVEL)


def with_tools(**changed: Any) -> GenerationRequested:
    return job_record(tooling=TOOLS, **changed)


def written(*events: Any, job: GenerationRequested | None = None) -> tuple[GenerationFold, MemoryLog]:
    log = MemoryLog()
    attempted(log, ScriptedEngine(*events), job or with_tools())
    return log.fold(), log


def texts_of(fold: GenerationFold) -> list[tuple[str, str]]:
    at = 0
    found: list[tuple[str, str]] = []
    for part in fold.parts:
        found.append((part.kind, fold.text[at : at + part.length]))
        at += part.length
    return found


def test_reasoning_a_text_and_two_calls() -> None:
    fold, log = written(
        Reasoning("Hm. ", 2),
        Reasoning("A tool.", 2),
        Delta("Let me look.", 3),
        ToolCall("call_a", "weather", 1),
        Arguments('{"city": ', 3),
        Arguments('"Zürich"}', 4),
        ToolCall("call_b", "time", 1),
        Finish("tool_calls", 9, None, 0),
    )
    assert texts_of(fold) == [
        ("reasoning", "Hm. A tool."),
        ("text", "Let me look."),
        ("tool_call", '{"city": "Zürich"}'),
        ("tool_call", ""),
    ]
    assert [(part.call_id, part.name) for part in fold.parts[2:]] == [("call_a", "weather"), ("call_b", "time")]
    assert fold.visible_text == "Let me look."
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "tool_calls"
    assert fold.usage == Usage(9, 16, 0, 4, estimated=True), "reasoning is counted once"
    assert fold.completion_tokens == 16
    begun = [r.part for r in log.generation if isinstance(r, TokenChunk) and r.part is not None and r.part.call_id]
    assert begun == [ChunkPart(2, "tool_call", "call_a", "weather"), ChunkPart(3, "tool_call", "call_b", "time")]


def test_a_text_has_the_records_that_it_always_had() -> None:
    _, with_them = written(Delta("Yes", 1), Delta(".", 1), STOP)
    chunks = [record for record in with_them.generation if isinstance(record, TokenChunk)]
    assert all(record.part is None and record.logprobs == "" for record in chunks)
    assert [encode(record)[:5] for record in chunks] == [encode(replace(chunks[0], part=None))[:5]] * len(chunks)
    assert with_them.fold().parts == ()


def test_a_refusal_is_a_part_of_its_own() -> None:
    fold, _ = written(Refusal("I won't.", 3), Finish("content_filter", 9, 3, 0), job=job_record())
    assert texts_of(fold) == [("refusal", "I won't.")]
    assert fold.visible_text == "I won't."


parts = st.one_of(
    st.builds(Delta, st.text(max_size=4), st.integers(0, 3)),
    st.builds(Delta, st.text(max_size=4), st.integers(0, 3), st.none(), st.sampled_from(('[{"token": "a"}]', "[]"))),
    st.builds(Reasoning, st.text(max_size=4), st.integers(0, 3)),
    st.builds(Refusal, st.text(max_size=4), st.integers(0, 3)),
    st.tuples(
        st.builds(ToolCall, st.text(max_size=4), st.sampled_from(("weather", "time", "other"))),
        st.lists(st.builds(Arguments, st.text(max_size=4), st.integers(0, 3)), max_size=3),
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=st.lists(parts, max_size=12), tear=st.integers(0, 3), late=st.booleans())
def test_whatever_parts_come_readers_have_them(said: list[Any], tear: int, late: bool) -> None:
    events: list[Any] = []
    expected: list[tuple[str, str]] = []
    for each in said:
        if isinstance(each, tuple):
            call, arguments = each
            events += [call, *arguments]
            expected.append(("tool_call", "".join(more.text for more in arguments)))
            continue
        events.append(each)
        kind = {Delta: "text", Reasoning: "reasoning", Refusal: "refusal"}[type(each)]
        if expected and expected[-1][0] == kind:
            expected[-1] = (kind, expected[-1][1] + each.text)
        elif each.text:
            expected.append((kind, each.text))
    log = MemoryLog()
    log.ack_s = 0.5 if late else 0.0  # what waits for an acknowledgement gathers
    attempted(log, ScriptedEngine(*events, STOP), with_tools())
    fold = log.fold()
    assert isinstance(fold.end, AttemptEnded), "the digest of the attempt is that of its readers"
    assert fold.end.failure is None
    if [kind for kind, _ in expected] in ([], ["text"]):
        assert (fold.parts, fold.text) == ((), "".join(text for _, text in expected))
    else:
        assert texts_of(fold) == expected
    ids = [part.call_id for part in fold.parts if part.kind == "tool_call"]
    assert len(set(ids)) == len(ids)
    assert outcome_of(fold).parts == fold.parts


def test_ids_that_cannot_be_used_are_replaced_and_ids_are_unique() -> None:
    ids = ["", "same", "same", "x" * (MAX_CALL_ID_CHARS + 1), "a b", "é", "x" * MAX_CALL_ID_CHARS, "\ud800"]
    fold, _ = written(*(ToolCall(told, "time") for told in ids), CALLED)
    kept = [part.call_id for part in fold.parts]
    assert len(set(kept)) == len(ids)
    assert (kept[1], kept[6]) == (ids[1], ids[6])
    assert all(found.startswith("call_") for at, found in enumerate(kept) if at not in (1, 6))
    again, _ = written(*(ToolCall(told, "time") for told in ids), CALLED)
    assert [part.call_id for part in again.parts][1] == "same"


def failed_with(fold: GenerationFold) -> tuple[str, bool]:
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.failure is not None
    assert fold.end.finish_reason == "failed"
    return fold.end.failure.code, fold.end.failure.retryable


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME_CHARS + 1), "a\nb", "\ud800"])
def test_a_name_that_no_function_has_fails_the_answer(name: str) -> None:
    fold, _ = written(Delta("So:", 1), ToolCall("a", name), CALLED)
    assert failed_with(fold) == ("invalid_tool_call", True)
    assert fold.text == "So:"


def test_arguments_without_a_call_fail_the_answer() -> None:
    fold, _ = written(Delta("So:", 1), Arguments("{}", 1), CALLED)
    assert failed_with(fold) == ("invalid_tool_call", True)


@pytest.mark.parametrize("tooling", [None, replace(TOOLS, choice="none"), Tooling(tools=())])
def test_a_call_that_was_not_offered_fails_the_answer(tooling: Tooling | None) -> None:
    fold, _ = written(ToolCall("a", "weather"), CALLED, job=job_record(tooling=tooling))
    assert failed_with(fold) == ("unexpected_tool_call", True)
    assert fold.last_seq == 0


def test_an_answer_has_a_maximum_of_parts() -> None:
    whole, _ = written(*[ToolCall("", "time")] * MAX_PARTS, CALLED)
    assert isinstance(whole.end, AttemptEnded)
    assert (whole.end.failure, len(whole.parts)) == (None, MAX_PARTS)
    fold, _ = written(*[ToolCall("", "time")] * (MAX_PARTS + 1), CALLED)
    assert failed_with(fold) == ("too_many_parts", True)
    assert len(fold.parts) == MAX_PARTS


def test_bounds_hold_over_all_parts() -> None:
    fold, _ = written(
        Reasoning("x" * (MAX_ANSWER_CHARS - 10), 1), ToolCall("a", "time"), Arguments("y" * 20, 1), CALLED
    )
    assert isinstance(fold.end, AttemptEnded)
    assert (fold.end.finish_reason, len(fold.text)) == ("length", MAX_ANSWER_CHARS)
    endless, _ = written(
        ToolCall("a", "time"), *[Arguments("{", 1)] * 5000, job=with_tools(sampling=Sampling(max_tokens=9))
    )
    assert isinstance(endless.end, AttemptEnded)
    assert endless.end.finish_reason == "length"
    assert endless.last_seq < 200


def test_long_arguments_leave_as_several_records_of_one_call() -> None:
    fold, _ = written(ToolCall("a", "time"), Arguments("x" * (2 * MAX_CHUNK_CHARS), 5), CALLED)
    assert [(part.kind, part.length, part.call_id) for part in fold.parts] == [("tool_call", 2 * MAX_CHUNK_CHARS, "a")]


def test_malformed_arguments_are_passed_on_as_they_are() -> None:
    fold, _ = written(ToolCall("a", "time"), Arguments('{"a": ]\n', 5), CALLED)
    assert fold.text == '{"a": ]\n'
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "tool_calls"


def test_logprobs_go_with_their_chunks() -> None:
    told = '[{"token": "Yes"}]'
    fold, _ = written(Delta("Yes", 1, None, told), Delta(".", 1), STOP, job=job_record())
    assert "".join(fold.logprobs) == told
    odd = '[{"token": "é"}]'
    large = f'["{"x" * MAX_LOGPROBS_CHARS}"]'
    fold, _ = written(Delta("a", 1, None, odd), Delta("b", 1, None, large), STOP, job=job_record())
    assert (fold.text, "".join(fold.logprobs)) == ("ab", "")


def test_an_answer_ends_before_its_logprobs_are_more_than_an_outcome_holds() -> None:
    told = f'["{"x" * (MAX_LOGPROBS_CHARS - 10)}"]'
    log, engine = MemoryLog(), ScriptedEngine(*[Delta("a", 1, None, told)] * 100)
    attempted(log, engine)
    fold = log.fold()
    assert not fold.full
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "length"
    assert 20 < fold.last_seq < 28


@pytest.mark.usefixtures("below_parts")
def test_below_their_write_level_reasoning_is_counted_and_left_out_and_a_refusal_is_text() -> None:
    fold, log = written(
        Reasoning("thinking", 3), Delta("Yes.", 2, None, "[]"), Refusal("No.", 1), Finish("stop", 9, None, 0)
    )
    assert (fold.text, fold.parts, fold.logprobs) == ("Yes.No.", (), ())
    assert fold.usage == Usage(9, 6, 0, 3, estimated=True)
    assert all(record.part is None for record in log.generation if isinstance(record, TokenChunk))


def begun(*parts: ChunkPart | None) -> MemoryLog:
    """A log in which an attempt has begun an answer with a chunk of each of these parts, and gone on no more."""
    log = MemoryLog()
    records = (started("a"), *(chunk("a", seq, f"<{seq}>", 2, part) for seq, part in enumerate(parts, 1)))
    for record in records:
        log.append(TOKEN_CHUNKS, b"conversation", encode(record))
    return log


CUT = [
    (ChunkPart(0, "reasoning"),),
    (ChunkPart(0, "reasoning"), ChunkPart(1, "text")),
    (None, ChunkPart(1, "tool_call", "a", "time"), ChunkPart(1, "tool_call")),
    (ChunkPart(0, "refusal"),),
    (ChunkPart(0, "text", "an id", "that no text has"),),
]


@pytest.mark.parametrize("parts", CUT)
def test_what_is_more_than_text_is_not_continued_after_a_crash(parts: tuple[ChunkPart | None, ...]) -> None:
    log, engine = begun(*parts), ScriptedEngine(Delta("more", 1), STOP, continues=True)
    before = log.fold()
    attempted(log, engine, with_tools(), old=True)
    fold = log.fold()
    assert engine.calls == []
    assert failed_with(fold) == (CANNOT_RESUME.code, True) == ("interrupted", True)
    assert (fold.text, fold.parts) == (before.text, before.parts)
    reasoning = 2 if parts[0] is not None and parts[0].kind == "reasoning" else 0
    assert fold.usage == Usage(9, 2 * len(parts), 0, reasoning, estimated=True)


def test_a_call_without_arguments_that_was_cut_is_billed() -> None:
    log = MemoryLog()
    call = ChunkPart(0, "tool_call", "a", "time")
    for record in (started("a"), chunk("a", 1, "", 2, call)):
        log.append(TOKEN_CHUNKS, b"conversation", encode(record))
    attempted(log, ScriptedEngine(continues=True), with_tools(), old=True)
    fold = log.fold()
    assert failed_with(fold) == ("interrupted", True)
    assert fold.usage == Usage(9, 2, 0, 0, estimated=True)


def test_text_before_a_call_is_continued_after_a_crash_and_the_call_follows() -> None:
    log, engine = (
        begun(None, None),
        ScriptedEngine(Delta("more", 1), ToolCall("a", "time"), Arguments("{}", 1), CALLED, continues=True),
    )
    attempted(log, engine, with_tools(), old=True)
    fold = log.fold()
    assert [call.prefix for call in engine.calls] == ["<1><2>"]
    assert texts_of(fold) == [("text", "<1><2>more"), ("tool_call", "{}")]
    assert isinstance(fold.end, AttemptEnded)


@pytest.mark.parametrize("choice", ["required", "function"])
def test_an_answer_that_has_to_call_is_not_continued(choice: str) -> None:
    log, engine = begun(None), ScriptedEngine(Delta("more", 1), STOP, continues=True)
    attempted(log, engine, job_record(tooling=replace(TOOLS, choice=choice)), old=True)
    assert engine.calls == []
    assert failed_with(log.fold()) == ("interrupted", True)


@pytest.mark.parametrize("said", [(Reasoning("hm", 1),), (Delta("a", 1), ToolCall("a", "time")), (Refusal("no", 1),)])
def test_what_is_more_than_text_is_not_continued_when_its_engine_goes_away(said: tuple[Any, ...]) -> None:
    log = MemoryLog()
    engine = ScriptedEngine(*said, EngineUnavailable("went away"), continues=True)
    attempted(log, PerseveringEngine(engine), with_tools())
    assert len(engine.calls) == 1
    assert failed_with(log.fold()) == ("interrupted", True)


def test_a_cancelled_answer_counts_its_reasoning() -> None:
    fold = begun(ChunkPart(0, "reasoning"), ChunkPart(1, "text")).fold()
    assert fold.usage == Usage(PROMPT_TOKENS, 4, 0, 2)


def test_the_parts_of_a_fold_have_the_lengths_of_their_texts() -> None:
    fold = begun(None, ChunkPart(1, "reasoning"), ChunkPart(2, "text")).fold()
    assert fold.parts == (AnswerPart("text", 3, 1), AnswerPart("reasoning", 3, 1), AnswerPart("text", 3, 1))
