"""The one reading of a generation: every interleaving, every damage, judged against rules written naively."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Position, Sealed, SealedContent
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    FinishReason,
    GenerationEnded,
    GenerationRecord,
    TokenChunk,
    Usage,
)
from schemas.outcome import ChunkMark
from tests.generation_logs import (
    ENGINE_USAGE,
    PRICE,
    PROMPT_TOKENS,
    TURN,
    Reading,
    chunk,
    ended,
    naive_reading,
    started,
    stopped,
)
from topics.generation_fold import GenerationFold

Log = list[GenerationRecord]


def folded(log: Sequence[GenerationRecord]) -> tuple[GenerationFold, Reading]:
    """The fold over a log, and what it made of it; checks on the way that published text only ever grows."""
    fold = GenerationFold()
    frames: list[tuple[int, int]] = []
    published, text = "", ""
    for index, record in enumerate(log):
        seq = fold.apply(record, Position(0, 0, index))
        assert fold.text.startswith(published)
        published = fold.text
        if seq is None:
            assert fold.text == text
            continue
        assert seq == len(frames) or (not frames and isinstance(record, GenerationEnded) and seq == 1)
        frames.append((index, seq))
        if isinstance(record, TokenChunk):
            assert isinstance(record.delta, str)
            text += record.delta
    assert text == fold.text
    reading = Reading(tuple(frames), fold.text, fold.last_seq, fold.number, fold.attempt_id, fold.end, fold.usage)
    return fold, reading


def check(log: Sequence[GenerationRecord]) -> Reading:
    """Fold a log and hold every promise of the fold against it."""
    fold, reading = folded(log)
    assert reading == naive_reading(log)
    assert [mark.tokens for mark in fold.marks] == [
        record.tokens for index, seq in reading.frames if isinstance(record := log[index], TokenChunk) and seq
    ]
    assert sum(mark.length for mark in fold.marks) == len(fold.text)
    assert fold.finished == (fold.end is not None)
    assert (fold.end_position is None) == (fold.end is None)
    if fold.end_position is not None:
        assert log[fold.end_position.offset] is fold.end
        assert reading.frames[-1] == (fold.end_position.offset, fold.last_seq + 1)
    return reading


def deltas(attempt: str, first: int, last: int) -> str:
    return "".join(f"<{attempt}{seq}>" for seq in range(first, last + 1))


def interleavings(one: Log, other: Log) -> Iterator[Log]:
    """Every order of two sequences that keeps the order within each."""
    size = len(one) + len(other)
    for places in combinations(range(size), len(one)):
        left, right, chosen = iter(one), iter(other), set(places)
        yield [next(left) if place in chosen else next(right) for place in range(size)]


# -- one attempt ------------------------------------------------------------------------------------------------------

WHOLE: Log = [started("a"), chunk("a", 1), chunk("a", 2, "ä\r\n🦉"), ended("a", 2, "<a1>ä\r\n🦉")]


def test_a_whole_generation_is_its_frames_in_order() -> None:
    fold, reading = folded(WHOLE)
    assert check(WHOLE) == reading
    assert [seq for _, seq in reading.frames] == [0, 1, 2, 3]
    assert fold.text == "<a1>ä\r\n🦉"
    assert fold.marks == [ChunkMark(4, 1, 1_001), ChunkMark(4, 1, 1_002)]
    assert fold.turn is TURN and fold.start is WHOLE[0]
    assert fold.usage is ENGINE_USAGE
    assert fold.cost_micros == PRICE.cost_micros(ENGINE_USAGE)
    assert fold.end_position == Position(0, 0, 3)


def test_an_empty_fold_knows_nothing() -> None:
    fold = GenerationFold()
    assert (fold.turn, fold.text, fold.usage, fold.cost_micros, fold.finished) == (None, "", Usage(0, 0), 0, False)


def test_an_attempt_may_end_without_a_chunk() -> None:
    assert [seq for _, seq in check([started("a"), ended("a", 0, "")]).frames] == [0, 1]


@pytest.mark.parametrize("copies", [2, 3])
def test_records_that_came_twice_count_once(copies: int) -> None:
    log = [record for record in WHOLE for _ in range(copies)]
    assert check(log).text == check(WHOLE).text
    assert check(WHOLE * copies).frames == check(WHOLE).frames


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
@pytest.mark.parametrize("back", range(len(WHOLE) + 1))
def test_a_reader_that_goes_back_and_reads_again_sees_no_new_frame(cut: int, back: int) -> None:
    again = WHOLE[:cut] + WHOLE[min(back, cut) :]
    assert check(again).frames == check(WHOLE[:cut] + WHOLE[cut:]).frames[:cut] + tuple(
        (index + cut - min(back, cut), seq) for index, seq in check(WHOLE).frames[cut:]
    )


def test_a_gap_holds_and_is_no_end() -> None:
    log: Log = [started("a"), chunk("a", 1), chunk("a", 3), ended("a", 3, "<a1><a3>")]
    reading = check(log)
    assert (reading.text, reading.end) == ("<a1>", None)
    # What was missing comes late: reading goes on from there, and what was void stays void.
    late = [*log, chunk("a", 2), chunk("a", 3, "again"), ended("a", 3, "<a1><a2>again")]
    assert check(late).text == "<a1><a2>again"
    assert check(late).end is late[-1]


@pytest.mark.parametrize("seq", [0, -1, 2, 5])
def test_the_first_chunk_is_number_one(seq: int) -> None:
    assert check([started("a"), chunk("a", seq)]).text == ""


@pytest.mark.parametrize("number", [0, -1, 2, 7])
def test_nothing_counts_before_attempt_one(number: int) -> None:
    log: Log = [chunk("b", 1), ended("b", 0, ""), started("b", number), chunk("b", 1), ended("b", 0, "")]
    assert check(log).frames == ()
    assert check([*log, *WHOLE]).text == check(WHOLE).text


@pytest.mark.parametrize(
    "void",
    [
        ended("a", 2, "<a1>"),  # wrong last seq
        ended("a", 0, "<a1>"),
        ended("a", 1, "<b1>"),  # wrong text
        ended("a", 1, ""),
        ended("b", 1, "<a1>"),  # not the owner
        ended("a", 2, "<a1>", "handed_over"),  # the same rules for a hand-over
        ended("a", 1, "<b1>", "handed_over"),
        ended("b", 1, "<a1>", "handed_over"),
        ended("a", 3, "<a1>", "failed"),
    ],
)
def test_an_end_the_fold_does_not_agree_with_is_void(void: AttemptEnded) -> None:
    log: Log = [started("a"), chunk("a", 1), void]
    assert check(log).end is None
    # ... and changes nothing: the generation goes on.
    assert check([*log, chunk("a", 2), ended("a", 2, "<a1><a2>")]).text == "<a1><a2>"


# -- ends from outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(len(WHOLE) + 1))
@pytest.mark.parametrize("reason", ["cancelled", "deleted", "refused", "expired", "failed"])
def test_an_end_from_outside_counts_wherever_it_stands_first(place: int, reason: str) -> None:
    end = stopped(reason, seen=1)  # type: ignore[arg-type]
    log = [*WHOLE[:place], end, *WHOLE[place:], stopped("deleted")]
    reading = check(log)
    assert reading.end is (end if place < len(WHOLE) else WHOLE[-1])
    assert reading.text == "".join(str(r.delta) for r in WHOLE[: min(place, 3)] if isinstance(r, TokenChunk))


def test_a_generation_may_end_without_an_attempt() -> None:
    fold, reading = folded([stopped("refused"), *WHOLE])
    assert reading.frames == ((0, 1),)
    assert fold.turn is TURN and fold.start is None
    assert (fold.usage, fold.cost_micros) == (Usage(0, 0), 0)


def test_what_was_accepted_is_billed_when_it_is_cancelled() -> None:
    fold, _ = folded([started("a"), chunk("a", 1, tokens=5), chunk("a", 2, tokens=7), stopped()])
    assert fold.usage == Usage(PROMPT_TOKENS, 12)
    assert fold.cost_micros == PRICE.cost_micros(fold.usage) == PROMPT_TOKENS + 36


def test_the_prompt_is_billed_once_however_long_a_resumed_attempts_was() -> None:
    fold, _ = folded([started("a"), chunk("a", 1), started("b", 2, prompt_tokens=5000), chunk("b", 2), stopped()])
    assert fold.usage == Usage(PROMPT_TOKENS, 2)


@pytest.mark.parametrize("first", [*WHOLE[-1:], stopped()])
def test_nothing_counts_after_the_end(first: GenerationRecord) -> None:
    log = [*WHOLE[:-1], first]
    after: Log = [chunk("a", 3), started("b", 2), chunk("b", 3), ended("b", 3, "x"), stopped("deleted"), started("c")]
    assert check([*log, *after]) == check(log)


# -- several attempts -------------------------------------------------------------------------------------------------


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


def test_a_sealed_chunk_is_an_error_that_changes_nothing() -> None:
    fold, before = folded([started("a"), chunk("a", 1)])
    sealed = TokenChunk("generation", "a", 2, 1, 1, Sealed("key", b"", b""))
    with pytest.raises(SealedContent, match="key"):
        fold.apply(sealed)
    assert (fold.text, fold.last_seq) == (before.text, before.last_seq)
    assert fold.apply(TokenChunk("generation", "b", 2, 1, 1, sealed.delta)) is None


def test_text_that_is_no_unicode_changes_nothing() -> None:
    fold, _ = folded([started("a")])
    with pytest.raises(UnicodeEncodeError):
        fold.apply(chunk("a", 1, "\ud800"))
    assert (fold.last_seq, fold.text, fold.marks) == (0, "", [])
    assert fold.apply(chunk("a", 1)) == 1


# -- anything at all --------------------------------------------------------------------------------------------------

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
