"""What counts in a generation and what is void, rule by rule: one attempt, and ends from outside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import NewerRecord
from schemas.envelope import Position, Sealed
from schemas.generation import AttemptEnded, EndReason, GenerationEnded, GenerationRecord, TokenChunk
from schemas.limits import MAX_TOKENS
from schemas.outcome import ChunkMark
from schemas.price import Usage
from tests.generation_logs import ENGINE_USAGE, PROMPT_TOKENS, TURN, chunk, ended, started, stopped
from tests.records import PRICE
from tests.unit.topics.folding import WHOLE, Log, check, folded
from topics.generation_fold import MARK_BYTES, GenerationFold


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
def test_an_end_from_outside_counts_wherever_it_stands_first(place: int, reason: EndReason) -> None:
    end = stopped(reason, seen=1)
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


def test_a_sealed_chunk_does_not_count_and_changes_nothing() -> None:
    fold, before = folded([started("a"), chunk("a", 1)])
    assert fold.apply(TokenChunk("generation", "a", 2, 1, 1, Sealed("key", b"", b""))) is None
    assert (fold.text, fold.last_seq, len(fold.marks)) == (before.text, before.last_seq, 1)
    assert fold.apply(chunk("a", 2)) == 2


@pytest.mark.parametrize("end", [ended("a", 1, "<a1>"), stopped()])
def test_a_reason_that_only_a_newer_release_knows_stops_the_reader_and_changes_nothing(
    end: AttemptEnded | GenerationEnded,
) -> None:
    word: dict[str, Any] = {"finish_reason": "paused"} if isinstance(end, AttemptEnded) else {"reason": "paused"}
    fold, _ = folded([started("a"), chunk("a", 1)])
    with pytest.raises(NewerRecord, match="'paused' comes from a newer release: upgrade this process"):
        fold.apply(replace(end, **word))
    assert not fold.finished
    assert fold.apply(end) == 2


def test_a_newer_reason_of_who_does_not_own_the_generation_is_void_as_anything_of_theirs() -> None:
    fold, _ = folded([started("a"), chunk("a", 1)])
    assert fold.apply(replace(ended("b", 1, "<a1>"), finish_reason="paused")) is None  # type: ignore[arg-type]  # a newer release knows it


def test_what_would_go_beyond_a_record_does_not_count_and_the_owners_end_counts_all_the_same() -> None:
    fold = GenerationFold(max_bytes=2 * (4 + MARK_BYTES))
    log: Log = [started("a"), chunk("a", 1), chunk("a", 2), chunk("a", 3), chunk("a", 3, ""), chunk("a", 4)]
    assert [fold.apply(record) for record in log] == [0, 1, 2, None, None, None]
    assert fold.full and fold.text == "<a1><a2>"
    assert fold.apply(ended("b", 4, "whatever")) is None
    assert fold.apply(ended("a", 4, "<a1><a2><a3><a4>"), Position(0, 0, 6)) == 3
    assert fold.usage == Usage(PROMPT_TOKENS, 2, estimated=True)


def test_who_hands_a_full_generation_over_lets_the_next_one_end_it() -> None:
    fold = GenerationFold(max_bytes=4 + MARK_BYTES)
    log: Log = [started("a"), chunk("a", 1), chunk("a", 2), ended("a", 2, "<a1><a2>", "handed_over")]
    assert [fold.apply(record) for record in [*log, started("b", 2), chunk("b", 2)]][2:] == [None] * 4
    assert fold.apply(ended("b", 2, "<a1><b2>")) == 2


@pytest.mark.parametrize(
    "impossible",
    [
        Usage(2**63 - 1, 4),
        Usage(9, 2**63 - 1),
        Usage(9, 2**31),
        Usage(-1, 4),
        Usage(9, -1),
        Usage(9, 4, 10),
        Usage(9, 4, -1),
        Usage(9, 4, 0, 5),
        Usage(9, 4, 0, -1),
    ],
)
def test_a_count_that_cannot_be_true_is_replaced_by_our_own_and_marked(impossible: Usage) -> None:
    end = replace(ended("a", 1, "<a1>"), usage=impossible)
    fold, _ = folded([started("a"), chunk("a", 1, tokens=3), end])
    assert fold.usage == Usage(PROMPT_TOKENS, 3, estimated=True)
    assert fold.cost_micros == PRICE.cost_micros(fold.usage)


@pytest.mark.parametrize(("said", "believed"), [(-1, 0), (2**31, MAX_TOKENS), (2**63 - 1, MAX_TOKENS)])
def test_a_chunk_that_claims_impossible_tokens_counts_with_what_is_possible(said: int, believed: int) -> None:
    fold, _ = folded([started("a"), chunk("a", 1, tokens=said), chunk("a", 2, tokens=said), stopped()])
    assert [mark.tokens for mark in fold.marks] == [believed, believed]
    assert fold.usage == Usage(PROMPT_TOKENS, min(2 * believed, MAX_TOKENS), estimated=True)


def test_text_that_is_no_unicode_changes_nothing() -> None:
    fold, _ = folded([started("a")])
    with pytest.raises(UnicodeEncodeError):
        fold.apply(chunk("a", 1, "\ud800"))
    assert (fold.last_seq, fold.text, fold.marks) == (0, "", [])
    assert fold.apply(chunk("a", 1)) == 1
