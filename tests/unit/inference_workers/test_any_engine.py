"""Whatever an engine yields: the generation ends once, everything can be recorded, and what is stored was yielded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_workers import answering
from inference_workers.attempts import FULL_AT_SEQ
from inference_workers.counting import RUNAWAY_FACTOR, SLACK_TOKENS
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineEvent,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineRequest,
    EngineTimeout,
    EngineUnavailable,
    Finish,
    Reasoning,
    Refusal,
)
from inference_workers.publishing import MAX_CHUNK_CHARS
from schemas.codec import encode
from schemas.conversation import Sampling
from schemas.envelope import SealedContent, plain
from schemas.generation import AttemptEnded
from schemas.limits import MAX_ANSWER_CHARS, MAX_ANSWER_CHUNKS, MAX_RECORD_BYTES
from schemas.outcome import GenerationCompleted, GenerationFailed
from schemas.price import Usage
from tests.generation_logs import chunk, started
from tests.sim.engine import COUNTS
from tests.unit.inference_workers.memory_log import MemoryLog, ScriptedEngine, attempted, job_record
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import RecordRefused
from topics.outcomes import outcome_of
from topics.spec import TopicSpec

ASKED = 200
counts = st.one_of(
    st.integers(-3, 300), st.sampled_from((2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 10**30, -(2**63)))
)
WIDE, LONG = "\U0010ffff" * 140_000, "x" * 700_000
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.sampled_from(
        ("\x00", "\ud83d", "\ude00", "a\ud83d", "\ude00b", "\ufffd", "\U0010ffff" * 140_000, "x" * 700_000)
    ),
)
said = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=40), st.sampled_from(("\ud800", "\x00", "y" * 2_000_000))
)
errors = st.one_of(
    st.builds(EngineError, said, code=st.none() | said),
    st.builds(EngineFailed, said),
    st.builds(EngineUnavailable, said, answered=st.booleans(), accepted=st.none() | st.booleans()),
    st.builds(EngineOverloaded, said, retry_after_s=st.none() | st.floats(allow_nan=True, allow_infinity=True)),
    st.builds(EngineRejected, said),
    st.just(EngineTimeout("total", 1.0)),
    st.just(SealedContent("key")),
    st.sampled_from((ValueError("x" * 100), KeyError("k"), RecursionError(), UnicodeError(), StopIteration())),
)
finishes = st.builds(
    Finish,
    st.sampled_from(("stop", "length", "content_filter", "tool_calls", "eos", "", "failed", "handed_over")),
    *[st.none() | counts] * 4,
)
events = st.one_of(
    st.builds(Delta, texts, counts),
    st.builds(Delta, texts, counts),
    st.builds(Reasoning, texts, counts),
    st.builds(Refusal, texts, counts),
    finishes,
    errors,
)


def whole(text: str) -> str:
    """Halves of surrogate pairs as they are published."""
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(script=st.lists(events, max_size=12))
def test_whatever_an_engine_yields(script: list[Any]) -> None:
    log, engine = MemoryLog(), ScriptedEngine(*script)
    attempted(log, engine, job_record(sampling=Sampling(max_tokens=ASKED)))

    assert engine.closed == len(engine.calls) == 1, "the call is closed, whatever happened"
    ends = [record for record in log.generation if isinstance(record, AttemptEnded)]
    assert len(ends) == 1
    assert len(log.generation) == len(log.of(TOKEN_CHUNKS)), "all of it can be read"
    spec: TopicSpec = log.topics[TOKEN_CHUNKS]
    assert all(len(message.value()) < spec.max_record_bytes for message in log.of(TOKEN_CHUNKS))

    fold = log.fold()
    assert fold.end == ends[0], "it counts for every reader"
    assert not fold.full
    assert len(fold.text) <= MAX_ANSWER_CHARS
    yielded = whole("".join(event.text for event in script[: engine.taken] if not isinstance(event, Finish)))
    assert yielded.startswith(fold.text)
    if len(yielded) <= MAX_ANSWER_CHARS:
        assert fold.text == yielded, "nothing that was taken is lost"

    outcome = outcome_of(fold)
    assert len(encode(outcome)) <= MAX_RECORD_BYTES
    usage = ends[0].usage
    assert 0 <= usage.cached_tokens <= usage.prompt_tokens <= max(COUNTS.context_tokens, 9)
    assert 0 <= usage.reasoning_tokens <= usage.completion_tokens <= ASKED + SLACK_TOKENS
    assert fold.usage == usage, "readers believe it"
    first = next((event for event in script if isinstance(event, Finish | Exception)), None)
    if isinstance(outcome, GenerationCompleted):
        assert isinstance(first, Finish) or outcome.finish_reason == "length", "no good end but a known one"
    if not isinstance(first, Finish) and engine.taken == len([e for e in script if not isinstance(e, Exception)]):
        cut = isinstance(outcome, GenerationCompleted) and outcome.finish_reason == "length"
        assert isinstance(outcome, GenerationFailed) or cut


def test_the_first_finish_ends_an_answer_whatever_follows() -> None:
    for after in (Delta(" More", 1), Finish("length"), EngineFailed("broke"), ValueError("adapter")):
        log, engine = MemoryLog(), ScriptedEngine(Delta("Yes.", 1), Finish("stop", 9, 1, 0), after)
        attempted(log, engine)
        outcome = outcome_of(log.fold())
        assert isinstance(outcome, GenerationCompleted)
        assert (outcome.text, outcome.finish_reason, engine.closed) == ("Yes.", "stop", 1)
        assert outcome.usage == Usage(9, 1)


def test_an_engine_that_cannot_be_closed_takes_nothing_from_a_whole_answer() -> None:
    class Stubborn(ScriptedEngine):
        async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
            try:
                yield Delta("Yes.", 1)
                yield Finish("stop", 9, 1, 0)
            finally:
                raise OSError("the socket is gone")

    log = MemoryLog()
    attempted(log, Stubborn())
    assert isinstance(outcome_of(log.fold()), GenerationCompleted)


def test_what_an_error_says_is_held_to_what_a_record_carries() -> None:
    for text in ("\ud800", "y" * 2_000_000):
        log = MemoryLog()
        attempted(log, ScriptedEngine(EngineError(text, code=text)))
        assert isinstance(outcome_of(log.fold()), GenerationFailed)


def test_text_that_is_none_ends_its_attempt_and_not_the_others() -> None:
    wrong: Any = b"bytes"
    log = MemoryLog()
    with pytest.raises(RecordRefused):
        attempted(log, ScriptedEngine(Delta(wrong, 1), Finish("stop")))


def test_an_answer_without_end_is_cut_at_its_most_characters_and_the_call_is_closed() -> None:
    log, engine = MemoryLog(), ScriptedEngine(*[Delta("lorem ipsum " * 5000, 1)] * 100)
    attempted(log, engine)
    fold = log.fold()
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "length"
    assert len(fold.text) == MAX_ANSWER_CHARS
    assert engine.taken == 17, "the engine was not asked for more"
    assert engine.closed == 1
    assert fold.end.usage.estimated


def test_an_answer_of_exactly_the_most_characters_is_whole() -> None:
    log = MemoryLog()
    attempted(log, ScriptedEngine(Delta("x" * MAX_ANSWER_CHARS, 100), Finish("stop", 9, 100, 0)))
    outcome = outcome_of(log.fold())
    assert isinstance(outcome, GenerationCompleted)
    assert (outcome.finish_reason, len(plain(outcome.text))) == ("stop", MAX_ANSWER_CHARS)


def test_an_engine_that_ignores_max_tokens_is_stopped() -> None:
    log, engine = MemoryLog(), ScriptedEngine(*[Delta("word ", 1)] * 5000)
    attempted(log, engine, job_record(sampling=Sampling(max_tokens=10)))
    fold = log.fold()
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "length"
    assert engine.taken == 10 * RUNAWAY_FACTOR + SLACK_TOKENS + 1
    assert fold.end.usage.completion_tokens <= 10 + SLACK_TOKENS


def test_thoughts_without_end_are_stopped_and_paid_for() -> None:
    log, engine = MemoryLog(), ScriptedEngine(*[Reasoning("hm ", 1)] * 5000)
    attempted(log, engine, job_record(sampling=Sampling(max_tokens=10)))
    fold = log.fold()
    assert isinstance(fold.end, AttemptEnded)
    assert (fold.end.finish_reason, fold.visible_text) == ("length", "")
    assert fold.end.usage.reasoning_tokens == fold.end.usage.completion_tokens == 10 + SLACK_TOKENS


def test_reasoning_is_counted_once_and_is_no_text() -> None:
    log = MemoryLog()
    attempted(log, ScriptedEngine(Reasoning("thinking", 3), Delta("Yes.", 2), Finish("stop", 9, None, 0)))
    fold = log.fold()
    assert (fold.text, fold.visible_text) == ("thinkingYes.", "Yes.")
    assert fold.usage == Usage(9, 5, 0, 3, estimated=True)


@pytest.mark.parametrize(
    "error",
    [
        EngineUnavailable("refused", accepted=False),
        EngineRejected("no"),
        EngineOverloaded("busy", retry_after_s=7.2),
        SealedContent("key"),
    ],
)
def test_what_no_engine_took_costs_nothing(error: Exception) -> None:
    log = MemoryLog()
    attempted(log, ScriptedEngine(error))
    assert log.fold().usage == Usage(0, 0)


def test_what_an_engine_took_and_broke_at_costs_its_prompt() -> None:
    log = MemoryLog()
    attempted(log, ScriptedEngine(EngineFailed("broke")))
    assert log.fold().usage == Usage(9, 0, estimated=True)
    log = MemoryLog()
    attempted(log, ScriptedEngine(Delta("Half", 1), EngineRejected("no", accepted=False)))
    assert log.fold().usage == Usage(9, 1, estimated=True)


def test_a_failure_says_when_to_ask_again() -> None:
    for told, kept in ((7.2, 8), (-1.0, 0), (float("inf"), 3600), (1e300, 3600), (None, None), (float("nan"), None)):
        log = MemoryLog()
        attempted(log, ScriptedEngine(EngineOverloaded("busy", retry_after_s=told)))
        outcome = outcome_of(log.fold())
        assert isinstance(outcome, GenerationFailed)
        assert outcome.failure.retry_after_s == kept


def begun(*texts: str) -> MemoryLog:
    """A log in which an attempt has begun an answer, and gone on no more."""
    log = MemoryLog()
    records = (started("a"), *(chunk("a", seq, text, 2) for seq, text in enumerate(texts, 1)))
    for record in records:
        log.append(TOKEN_CHUNKS, b"conversation", encode(record))
    return log


def test_a_resumed_generation_keeps_the_counts_of_its_text() -> None:
    """The earlier attempt had published; no engine takes the rest."""
    log = begun("one two")
    attempted(log, ScriptedEngine(EngineUnavailable("away", accepted=False), continues=True), old=True)
    fold = log.fold()
    assert fold.text == "one two"
    assert fold.usage == Usage(9, 2, estimated=True)


def test_a_resumed_answer_has_the_room_that_is_left() -> None:
    log = begun(*["x" * 100_000] * 9)
    attempted(log, ScriptedEngine(*[Delta("y" * 60_000, 1)] * 9, continues=True), old=True)
    fold = log.fold()
    assert fold.text == "x" * 900_000 + "y" * 100_000
    assert isinstance(fold.end, AttemptEnded)
    assert fold.end.finish_reason == "length"


def test_an_answer_that_is_held_to_a_schema_is_not_continued_after_a_crash() -> None:
    held = job_record(sampling=Sampling(max_tokens=200, response_schema="{}"))
    log, engine = begun('{"a": '), ScriptedEngine(Delta("1}", 1), Finish("stop"), continues=True)
    attempted(log, engine, held, old=True)
    end = log.fold().end
    assert engine.calls == []
    assert isinstance(end, AttemptEnded) and end.failure is not None
    assert (end.finish_reason, end.failure.code, end.failure.retryable) == ("failed", "interrupted", True)
    # with no text out it is begun again
    log, engine = begun(), ScriptedEngine(Delta('{"a": 1}', 1), Finish("stop"), continues=True)
    attempted(log, engine, held, old=True)
    assert (log.fold().text, len(engine.calls)) == ('{"a": 1}', 1)


def test_an_answer_that_is_full_is_not_continued() -> None:
    log, engine = begun(*["x" * 100_000] * 10), ScriptedEngine(Delta("more", 1), Finish("stop"), continues=True)
    attempted(log, engine, old=True)
    fold = log.fold()
    assert engine.calls == []
    assert isinstance(fold.end, AttemptEnded)
    assert (fold.end.finish_reason, len(fold.text)) == ("length", MAX_ANSWER_CHARS)


def test_an_answer_has_a_maximum_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FULL_AT_SEQ + MAX_ANSWER_CHARS // MAX_CHUNK_CHARS + 1 < MAX_ANSWER_CHUNKS, "what waits has its place"
    monkeypatch.setattr(answering, "FULL_AT_SEQ", 30)
    log, engine = MemoryLog(), ScriptedEngine(*[Delta("x", 0)] * 1000)
    attempted(log, engine, job_record(sampling=Sampling(max_tokens=ASKED)))
    fold = log.fold()
    assert isinstance(fold.end, AttemptEnded)
    assert (fold.end.finish_reason, engine.closed) == ("length", 1)
    assert 30 <= fold.last_seq <= 31
    assert engine.taken < 200
