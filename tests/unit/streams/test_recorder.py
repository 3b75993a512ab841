"""The recorder's rules: one outcome a generation, the same on every repeat, and commits below what is open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.envelope import Position
from schemas.generation import AttemptStarted, EndReason, GenerationEnded, GenerationRecord
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.price import Usage
from streams.recorder.partition import DOUBT, PartitionState
from tests.generation_logs import chunk, ended, started, stopped
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.scan import generation_of


def of(generation: str, record: GenerationRecord) -> GenerationRecord:
    """The same record, of another generation."""
    if isinstance(record, AttemptStarted | GenerationEnded):
        return replace(record, turn=replace(record.turn, generation_id=generation))
    return replace(record, generation_id=generation)


def whole(generation: str, chunks: int = 2) -> list[GenerationRecord]:
    """Every record of an undisturbed generation."""
    deltas = [chunk("a", seq) for seq in range(1, chunks + 1)]
    text = "".join(str(each.delta) for each in deltas)
    records: list[GenerationRecord] = [started("a"), *deltas, ended("a", chunks, text)]
    return [of(generation, record) for record in records]


def outcomes(log: list[GenerationRecord], begin: int = 0, state: PartitionState | None = None) -> list[Outcome]:
    """What a recorder that starts at offset `begin` says about the log; everything is acknowledged at once."""
    state = state or PartitionState(0, 0, begin)
    found = []
    for offset in range(begin, len(log)):
        fold = state.apply(log[offset], offset)
        if isinstance(fold, GenerationFold):
            found.append(outcome_of(fold))
            state.recorded(offset)
    return found


def test_a_completed_generation() -> None:
    (outcome,) = outcomes(whole("g"))
    assert isinstance(outcome, GenerationCompleted)
    assert (outcome.text, outcome.finish_reason, outcome.attempts) == ("<a1><a2>", "stop", 1)
    assert [mark.length for mark in outcome.chunks] == [4, 4]
    assert outcome.end == Position(0, 0, 3)
    assert outcome.cost_micros == outcome.turn.price.cost_micros(outcome.usage)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("cancelled", GenerationCancelled),
        ("deleted", GenerationCancelled),
        ("refused", GenerationRefused),
        ("expired", GenerationFailed),
        ("failed", GenerationFailed),
    ],
)
def test_every_end_from_outside_has_its_outcome(reason: EndReason, kind: type) -> None:
    (outcome,) = outcomes([started("a"), chunk("a", 1), stopped(reason, 1)])
    assert type(outcome) is kind
    assert outcome.text == "<a1>"
    assert outcome.usage == Usage(outcome.usage.prompt_tokens, 1)


def test_an_end_without_attempts_is_an_empty_outcome_that_costs_nothing() -> None:
    (outcome,) = outcomes([stopped("refused")])
    assert isinstance(outcome, GenerationRefused)
    assert (outcome.text, outcome.chunks, outcome.attempts, outcome.started_at_us) == ("", (), 0, None)
    assert (outcome.usage, outcome.cost_micros) == (Usage(0, 0), 0)


def test_a_generation_that_has_not_ended_has_no_outcome() -> None:
    with pytest.raises(ValueError, match="not ended"):
        outcome_of(GenerationFold())


def test_a_second_end_makes_no_second_outcome() -> None:
    assert len(outcomes([*whole("g"), of("g", stopped())])) == 1


def test_an_end_that_may_be_the_second_one_is_looked_up() -> None:
    state = PartitionState(0, 0, begin=4)
    late = stopped()
    assert isinstance(late, GenerationEnded)
    assert late.turn.tail.offset < 4
    assert state.apply(late, 4) is DOUBT
    assert state.committable == 4
    # Whichever end was the first, it is over: what comes later is void, and nothing is asked twice.
    assert [state.apply(record, 5 + at) for at, record in enumerate([*whole("generation"), late])] == [None] * 5
    assert (state.committable, state.open_count) == (4, 0)
    state.recorded(4)
    assert state.committable == 10


def test_an_end_after_this_reader_began_needs_no_look_back() -> None:
    late = stopped()
    assert isinstance(late, GenerationEnded)
    late = replace(late, turn=replace(late.turn, tail=Position(0, 0, 5)))
    assert isinstance(PartitionState(0, 0, begin=5).apply(late, 6), GenerationFold)


def test_commits_stay_below_open_generations_and_unacknowledged_outcomes() -> None:
    state = PartitionState(0, 0, 0)
    log = [*whole("g", 1)[:2], *whole("h", 1)]
    for offset, record in enumerate(log):
        state.apply(record, offset)
    assert state.committable == 0  # g is open
    state.apply(whole("g", 1)[2], 5)
    state.recorded(5)
    assert state.committable == 2  # h's outcome is not acknowledged
    state.recorded(4)
    assert state.committable == 6
    state.parked(6)
    assert state.committable == 6
    state.recorded(6)
    assert state.committable == 7


@st.composite
def interleavings(draw: st.DrawFn) -> list[GenerationRecord]:
    """Several generations interleaved, some cut short, some ended twice."""
    streams = []
    for number in range(draw(st.integers(1, 4))):
        records = whole(f"g{number}", draw(st.integers(0, 4)))
        if draw(st.booleans()):
            records = [*records[: draw(st.integers(0, len(records)))], of(f"g{number}", stopped())]
        streams.append(records)
    log = []
    while any(streams):
        stream = draw(st.sampled_from([stream for stream in streams if stream]))
        log.append(stream.pop(0))
    return log


def first_end(log: list[GenerationRecord], offset: int) -> GenerationFold | None:
    """The look back for one end: the fold that it finished, if it was the first."""
    end, fold = log[offset], GenerationFold()
    assert isinstance(end, GenerationEnded)
    for at, record in enumerate(log[: offset + 1]):
        if generation_of(record) == end.turn.generation_id:
            fold.apply(record, Position(0, 0, at))
    return fold if fold.end_position == Position(0, 0, offset) else None


@given(interleavings(), st.data())
def test_a_restart_from_the_commit_says_the_same_again_and_misses_nothing(
    log: list[GenerationRecord], data: st.DataObject
) -> None:
    undisturbed = {outcome.turn.generation_id: encode(outcome) for outcome in outcomes(log)}
    crash_at = data.draw(st.integers(0, len(log)))
    state = PartitionState(0, 0, 0)
    before = outcomes(log[:crash_at], state=state)
    begin = state.committable
    again = PartitionState(0, 0, begin)
    after = []
    for offset in range(begin, len(log)):
        fold = again.apply(log[offset], offset)
        if fold is DOUBT:
            fold = first_end(log, offset)
        if isinstance(fold, GenerationFold):
            after.append(outcome_of(fold))
    said: dict[str, bytes] = {}
    for outcome in [*before, *after]:
        assert said.setdefault(outcome.turn.generation_id, encode(outcome)) == encode(outcome)
    assert said == undisturbed
