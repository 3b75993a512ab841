"""What counts in a generation and what is void, rule by rule: one attempt, and ends from outside."""

from __future__ import annotations

import pytest

from schemas.envelope import Position, Sealed, SealedContent
from schemas.generation import AttemptEnded, GenerationRecord, TokenChunk, Usage
from schemas.outcome import ChunkMark
from tests.generation_logs import ENGINE_USAGE, PRICE, PROMPT_TOKENS, TURN, chunk, ended, started, stopped
from tests.unit.topics.folding import WHOLE, Log, check, folded
from topics.generation_fold import GenerationFold


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
