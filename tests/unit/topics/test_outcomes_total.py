"""Whatever stands in token-chunks: an ended generation has an outcome that can be recorded, and it is what was
streamed, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.openai.shapes import ChoiceFrames
from api.streaming.feed import Feed
from api.streaming.frames import EventFrames, Frames
from api.streaming.sources import FinishedSource, Source
from schemas.bounding import MAX_FIELD_CHARS, bounded
from schemas.codec import decode, encode
from schemas.envelope import Envelope, Position, Sealed, plain
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    EndReason,
    Failure,
    FinishReason,
    GenerationEnded,
    GenerationRecord,
    TokenChunk,
    Turn,
)
from schemas.limits import MAX_ANSWER_CHARS, MAX_ANSWER_CHUNKS, MAX_RECORD_BYTES, MAX_TOKENS
from schemas.outcome import GenerationCompleted, GenerationFailed, Outcome
from schemas.parts import AnswerPart, ChunkPart, PartKind, stream_digest
from schemas.price import Price, Usage
from streams.metering.reactor import usage_record
from tests.generation_logs import TURN, chunk, ended, started, stopped
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, catalogue
from topics.generation_fold import MARK_BYTES, MAX_STREAM_BYTES, GenerationFold
from topics.headers import headers_of, size_of
from topics.outcomes import UNRECORDABLE, is_unrecordable, outcome_of, without_text

LIMIT = 200
"""Of text and marks, scaled down: a handful of chunks fills it."""
REST = MAX_RECORD_BYTES - MAX_STREAM_BYTES
"""What everything else of an outcome's record must fit into, whatever the text."""

int64 = st.integers(-(2**63), 2**63 - 1)
counts = int64 | st.integers(0, 20) | st.sampled_from([0, -1, MAX_TOKENS, MAX_TOKENS + 1, 2**63 - 1, -(2**63)])
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
wild_words = words | st.sampled_from(["\ud800", "ä" * (MAX_FIELD_CHARS + 7), "x" * 20_000, "🦉" * 9000, "", "\0"])
deltas = words | st.sampled_from(["", "lorem " * 20, "🦉" * 30, "\u2028\0\r\n"])
attempts = st.sampled_from(["a", "b"])
failures = st.none() | st.builds(Failure, wild_words, wild_words, st.booleans(), st.none() | int64)
usages = st.builds(Usage, counts, counts, counts, counts, st.booleans())
prices = st.builds(Price, wild_words, wild_words, int64, int64, int64)
envelopes = st.builds(Envelope, wild_words, int64, st.none() | wild_words, wild_words, wild_words)
positions = st.builds(Position, int64, int64, int64)
turns = st.just(TURN) | st.builds(
    Turn,
    generation_id=st.just("generation"),
    conversation_id=st.just("conversation"),
    user_id=wild_words,
    message_id=wild_words,
    prompt_message_id=wild_words,
    kind=st.just("chat"),
    model=wild_words,
    price=prices,
    request_hash=wild_words,
    cause=positions,
    tail=positions,
)
starts = st.builds(
    AttemptStarted,
    envelope=envelopes,
    turn=turns,
    attempt_id=attempts,
    number=st.integers(1, 3) | int64,
    prompt_tokens=counts,
    worker=wild_words,
    job=positions,
)
chunks = st.builds(
    TokenChunk,
    st.just("generation"),
    attempts,
    st.integers(0, 8) | int64,
    int64,
    counts,
    deltas | st.builds(Sealed, words, st.binary(max_size=4), st.binary(max_size=4)),
    st.none(),
    st.none()
    | st.builds(ChunkPart, st.integers(0, 3), st.sampled_from(get_args(PartKind)), st.just("") | words, st.just("")),
    st.sampled_from(["", "", "[]", '[{"token":"x"}]']),
)
ends = st.builds(GenerationEnded, envelopes, turns, st.sampled_from(get_args(EndReason)), st.none() | int64, failures)


@st.composite
def logs(draw: st.DrawFn) -> list[GenerationRecord]:
    """Anything at all, mostly in an order in which much of it counts; the last record ends the generation."""
    records: list[GenerationRecord] = [draw(starts.map(lambda start: replace(start, number=1, attempt_id="a")))]
    seq, text = 0, ""
    several = draw(st.booleans())
    part: ChunkPart | None = None
    said: list[AnswerPart] = []
    for _ in range(draw(st.integers(0, 14))):
        if draw(st.integers(0, 9)) == 0:
            records.append(draw(starts | chunks))
            continue
        seq += 1
        delta = draw(deltas)
        text += delta
        opens = several and (not said or draw(st.booleans()))
        if opens:
            part = ChunkPart(len(said), draw(st.sampled_from(get_args(PartKind))), draw(st.just("") | words), "a name")
            said.append(AnswerPart(part.kind, 0, 0, part.call_id, part.name))
        if part is not None:
            of = said[-1]
            said[-1] = replace(of, length=of.length + len(delta), chunks=of.chunks + 1)
            part = part if opens else ChunkPart(part.index, part.kind)
        records.append(replace(draw(chunks), attempt_id="a", seq=seq, delta=delta, part=part))
    digest = stream_digest(sha256(text.encode()).hexdigest(), said)
    finish = draw(st.sampled_from(get_args(FinishReason)))
    usage, failure = draw(usages), draw(failures)
    records.append(
        AttemptEnded(
            generation_id="generation",
            conversation_id="conversation",
            attempt_id="a",
            at_us=draw(int64),
            last_seq=seq,
            sha256=digest,
            finish_reason=finish,
            usage=usage,
            failure=failure,
        )
    )
    return [*records, draw(ends)]


def fed(log: Sequence[GenerationRecord]) -> Feed:
    """The log as a live reader has it, each record at its own place."""
    feed = Feed("generation", "conversation", "user", Position(0, 0, 0))
    feed.fold = GenerationFold(LIMIT)
    for offset, record in enumerate(log):
        feed.take(record, Position(0, 0, offset))
    return feed


def frames_of(source: Source, frames: Frames) -> bytes:
    assert source.turn is not None and source.ending is not None
    there = len(source.pieces)
    head = frames.start(source.turn, source.started_at_us)
    return b"".join([head, *frames.chunks(source.pieces, 0, there), frames.end(source.ending, there + 1)])


def sent_bytes(outcome: Outcome) -> int:
    """What the record takes of its topic's limit, as the producer counts it."""
    return len(encode(outcome)) + 4 * len(outcome.turn.conversation_id) + size_of(headers_of(outcome)) + 256


def check(log: Sequence[GenerationRecord]) -> Outcome:
    """Hold every promise of `outcome_of` against a log."""
    feed = fed(log)
    outcome = outcome_of(feed.fold)
    text = plain(outcome.text)
    assert decode(encode(outcome)) == outcome
    assert sum(mark.length for mark in outcome.chunks) == len(text)
    assert outcome.sha256 == stream_digest(sha256(text.encode()).hexdigest(), outcome.parts)
    assert len(text.encode()) + MARK_BYTES * len(outcome.chunks) <= LIMIT
    assert sent_bytes(outcome) <= LIMIT + REST
    usage = outcome.usage
    assert 0 <= usage.cached_tokens <= usage.prompt_tokens <= MAX_TOKENS
    assert 0 <= usage.reasoning_tokens <= usage.completion_tokens <= MAX_TOKENS
    assert 0 <= outcome.cost_micros < 2**63
    stored = FinishedSource(GENERATION_OUTCOMES.decode(encode(outcome)))
    for one, other in zip(dialects(), dialects(), strict=True):
        assert frames_of(feed, one) == frames_of(stored, other)
    encode(usage_record(outcome, Position(0, 0, 0)))
    return outcome


def dialects() -> list[Frames]:
    return [EventFrames(), ChoiceFrames(include_usage=False), ChoiceFrames(include_usage=True)]


@given(logs())
def test_whatever_the_log_says_its_outcome_can_be_recorded_and_is_what_was_streamed(
    log: list[GenerationRecord],
) -> None:
    check(log)


@given(st.lists(starts | chunks, max_size=12), ends)
def test_so_it_is_for_records_in_any_order(log: list[GenerationRecord], end: GenerationEnded) -> None:
    check([*log, end])


@given(logs())
def test_who_reads_the_log_later_or_in_parts_reads_the_same(log: list[GenerationRecord]) -> None:
    feed, again = fed(log), Feed("generation", "conversation", "user", Position(0, 0, 0))
    half = GenerationFold(LIMIT)
    for offset, record in enumerate(log[: len(log) // 2]):
        half.apply(record, Position(0, 0, offset))
    again.hold(Position(0, 0, len(log) // 2))
    for offset, record in list(enumerate(log))[len(log) // 2 :]:
        again.take(record, Position(0, 0, offset))
    again.fill(half)
    assert (again.pieces, again.ending) == (feed.pieces, feed.ending)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "tool_calls", "failed"])
def test_an_answer_longer_than_a_record_fails_with_its_beginning(finish: FinishReason) -> None:
    deltas = [chunk("a", seq, "lorem ipsum ", tokens=2) for seq in range(1, 20)]
    outcome = check([started("a"), *deltas, ended("a", 19, "lorem ipsum " * 19, finish)])
    assert isinstance(outcome, GenerationFailed) and outcome.failure == UNRECORDABLE and is_unrecordable(outcome)
    kept = LIMIT // (12 + MARK_BYTES)
    assert outcome.text == "lorem ipsum " * kept
    assert outcome.usage.completion_tokens == 2 * kept and outcome.usage.estimated


def test_who_cancels_an_answer_longer_than_a_record_has_cancelled_it() -> None:
    deltas = [chunk("a", seq, "lorem ipsum ") for seq in range(1, 20)]
    assert not is_unrecordable(check([started("a"), *deltas, stopped("cancelled")]))
    assert is_unrecordable(check([started("a"), *deltas, stopped("expired")]))


def test_a_broken_counter_spoils_neither_the_answer_nor_the_bill() -> None:
    end = replace(ended("a", 1, "<a1>"), usage=Usage(9, 2**63 - 1))
    outcome = check([started("a"), chunk("a", 1, tokens=3), end])
    assert isinstance(outcome, GenerationCompleted) and outcome.finish_reason == "stop"
    assert outcome.usage == Usage(11, 3, estimated=True)


def test_the_longest_answer_of_a_worker_fits_and_is_no_failure() -> None:
    """MAX_ANSWER_CHARS of the widest characters in MAX_ANSWER_CHUNKS chunks, at the scale of a real record."""
    assert MAX_ANSWER_CHARS * 4 + MAX_ANSWER_CHUNKS * MARK_BYTES < MAX_STREAM_BYTES
    fold = GenerationFold()
    fold.apply(started("a"))
    per_chunk = "🦉" * (MAX_ANSWER_CHARS // 1000)
    for seq in range(1, 1001):
        assert fold.apply(chunk("a", seq, per_chunk, tokens=MAX_TOKENS)) == seq
    fold.apply(ended("a", 1000, fold.text), Position(0, 0, 9))
    outcome = outcome_of(fold)
    assert isinstance(outcome, GenerationCompleted)
    assert sent_bytes(outcome) <= catalogue()[GENERATION_OUTCOMES].max_record_bytes


def test_more_text_than_a_record_holds_is_cut_at_a_chunk_at_the_scale_of_a_real_record() -> None:
    fold = GenerationFold()
    fold.apply(started("a"))
    for seq in range(1, 21):
        fold.apply(chunk("a", seq, "x" * 500_000))
    assert fold.apply(ended("a", 20, "x" * 10_000_000), Position(0, 0, 9)) == fold.last_seq + 1
    outcome = outcome_of(fold)
    assert is_unrecordable(outcome) and len(plain(outcome.text)) == 14 * 500_000
    assert sent_bytes(outcome) <= MAX_RECORD_BYTES == catalogue()[CONVERSATION_EVENTS].max_record_bytes


def test_marks_alone_never_fill_a_record_beyond_its_limit() -> None:
    fold = GenerationFold(max_bytes=1_000_000)
    fold.apply(started("a"))
    seq = 0
    while not fold.full:
        seq += 1
        fold.apply(TokenChunk("generation", "a", seq, 2**63 - 1, MAX_TOKENS, ""))
    fold.apply(stopped("failed"), Position(0, 0, 0))
    assert len(encode(outcome_of(fold))) <= 1_000_000 + 10_000


@given(logs())
def test_what_remains_without_the_text_can_be_recorded_too(log: list[GenerationRecord]) -> None:
    outcome = outcome_of(fed(log).fold)
    bare = without_text(outcome)
    assert decode(encode(bare)) == bare and is_unrecordable(bare)
    assert (bare.turn, bare.end, bare.text, bare.chunks) == (outcome.turn, outcome.end, "", ())


def test_records_of_ours_are_bounded_without_a_copy() -> None:
    assert bounded(TURN) is TURN
    assert bounded(replace(TURN, model="x" * 9000)).model == "x" * MAX_FIELD_CHARS
    assert bounded(replace(TURN, price=replace(TURN.price, input_micros_per_million=2**70))).price == replace(
        TURN.price, input_micros_per_million=2**63 - 1
    )
    assert bounded("a\ud800b") == "a?b"
