"""The one reading of a generation: every order of attempts, any damage, judged against rules written naively."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Position
from schemas.generation import AttemptStarted, FinishReason, GenerationRecord, TokenChunk
from tests.generation_logs import chunk, ended, naive_reading, started, stopped
from tests.unit.topics.folding import Log, check, deltas, folded, interleavings


def resumed(prefix: int, chunks: int = 2, number: int = 2) -> Log:
    """Attempt b: it saw `prefix` chunks of a, and goes on from there."""
    text = deltas("a", 1, prefix) + deltas("b", prefix + 1, prefix + chunks)
    last = prefix + chunks
    return [started("b", number), *(chunk("b", seq) for seq in range(prefix + 1, last + 1)), ended("b", last, text)]


@pytest.mark.parametrize(("prefix", "number"), list(product(range(4), [1, 2, 3])))
def test_every_interleaving_of_two_attempts(prefix: int, number: int) -> None:
    one: Log = [started("a"), chunk("a", 1), chunk("a", 2), chunk("a", 3), ended("a", 3, deltas("a", 1, 3))]
    for log in interleavings(one, resumed(prefix, number=number)):
        reading = check(log)
        if log.index(one[0]) > next(i for i, record in enumerate(log) if isinstance(record, AttemptStarted)):
            continue
        start_of_b = next(index for index, record in enumerate(log) if record == started("b", number))
        before = [record for record in log[:start_of_b] if isinstance(record, TokenChunk)]
        if number == 1:  # the same number twice: the second start is void and so is all of b
            assert reading.text == deltas("a", 1, 3)
        elif reading.end is one[-1]:
            assert log.index(one[-1]) < start_of_b
        else:  # no zombie's chunk counts after the take-over
            taken = sum(record.attempt_id == "a" for record in before)
            assert reading.text.startswith(deltas("a", 1, taken))
            assert f"<a{taken + 1}>" not in reading.text


@pytest.mark.parametrize("end", [ended("b", 2, "<a1><b2>"), stopped()])
def test_every_interleaving_of_a_zombie_and_its_successor_with_an_end_in_every_place(end: GenerationRecord) -> None:
    zombie: Log = [chunk("a", 2), chunk("a", 3), ended("a", 3, deltas("a", 1, 3))]
    for log in interleavings(zombie, [started("b", 2), chunk("b", 2), end]):
        check([started("a"), chunk("a", 1), *log])


def test_a_hand_over_ends_the_attempt_and_the_next_goes_on() -> None:
    log: Log = [
        started("a"),
        chunk("a", 1),
        ended("a", 1, "<a1>", "handed_over"),
        chunk("a", 2),  # after its own last word
        ended("a", 1, "<a1>"),
        started("b", 2),
        chunk("b", 2),
        ended("b", 2, "<a1><b2>"),
    ]
    reading = check(log)
    assert reading.frames == ((0, 0), (1, 1), (6, 2), (7, 3))


def test_a_number_may_be_left_out_but_never_go_back() -> None:
    log: Log = [started("a"), started("c", 3), chunk("c", 1), started("b", 2), chunk("b", 2), chunk("c", 2)]
    assert check(log).text == "<c1><c2>"


def test_two_workers_that_took_the_same_number() -> None:
    log: Log = [started("a"), started("b", 2), started("z", 2), chunk("z", 1), chunk("b", 1), started("z2", 3)]
    reading = check(log)
    assert (reading.text, reading.owner) == ("<b1>", "z2")


attempts = st.sampled_from("abc")
small = st.integers(0, 4)
texts = st.sampled_from(["", "x", "ä\n", "🦉\u2028"])
finish_reasons: tuple[FinishReason, ...] = ("stop", "length", "failed", "handed_over")
finishes = st.sampled_from(finish_reasons)
loose = st.one_of(
    st.builds(started, attempts, st.integers(-1, 4)),
    st.builds(chunk, attempts, small, texts),
    st.builds(ended, attempts, small, texts, finishes),
    st.builds(stopped, st.sampled_from(["cancelled", "expired"])),
)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Logs that mostly make sense: drawn step by step against the reading so far, with nonsense in between."""
    log: Log = []
    for _ in range(draw(st.integers(0, 14))):
        so_far = naive_reading(log)
        attempt = so_far.owner or "a"
        following: Log = [
            started(draw(attempts), so_far.number + 1),
            chunk(attempt, so_far.last_seq + 1, draw(texts), draw(small)),
            chunk(attempt, so_far.last_seq + 1, draw(texts)),
            ended(attempt, so_far.last_seq, so_far.text, draw(finishes)),
            draw(loose),
            draw(st.sampled_from(log)) if log else started("a"),
        ]
        log.append(draw(st.sampled_from(following)))
    return log


@settings(max_examples=400)
@given(logs())
def test_any_log_is_read_as_the_naive_rules_say(log: Log) -> None:
    check(log)


@settings(max_examples=300)
@given(st.lists(loose, max_size=10))
def test_any_nonsense_is_read_as_the_naive_rules_say(log: Log) -> None:
    check(log)


@given(logs(), st.integers(0, 14))
def test_readers_agree_wherever_they_stopped_in_between(log: Log, cut: int) -> None:
    fold, _ = folded(log[:cut])
    rest = [fold.apply(record, Position(0, 0, cut + index)) for index, record in enumerate(log[cut:])]
    whole, reading = folded(log)
    assert (fold.text, fold.end, fold.usage, fold.sha256) == (whole.text, whole.end, whole.usage, whole.sha256)
    assert [(cut + index, seq) for index, seq in enumerate(rest) if seq is not None] == [
        frame for frame in reading.frames if frame[0] >= cut
    ]


@given(logs(), st.data())
def test_a_reader_that_began_anywhere_before_the_first_start_agrees(log: Log, data: st.DataObject) -> None:
    reading = check(log)
    first = reading.frames[0][0] if reading.frames else len(log)
    skipped = data.draw(st.integers(0, first))
    late = check(log[skipped:])
    assert tuple((index + skipped, seq) for index, seq in late.frames) == reading.frames
    assert late.text == reading.text


@given(logs())
def test_every_record_written_twice_changes_nothing(log: Log) -> None:
    once, twice = check(log), check([copy for record in log for copy in (record, record)])
    assert (once.text, once.end, once.usage) == (twice.text, twice.end, twice.usage)
    assert [seq for _, seq in once.frames] == [seq for _, seq in twice.frames]
