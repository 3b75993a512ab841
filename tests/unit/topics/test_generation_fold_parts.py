"""Parts of an answer: which chunks count, what the parts come to, and what the digest covers."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import NewerRecord
from schemas.generation import GenerationRecord
from schemas.parts import AnswerPart, ChunkPart, chunk_parts, parts_of, stream_digest, visible_text
from tests.generation_logs import chunk, ended, started
from tests.unit.topics.folding import Log, check, folded

REASONING = ChunkPart(0, "reasoning")
TEXT_AFTER = ChunkPart(1, "text")
CALL = ChunkPart(2, "tool_call", "call_1", "get_weather")
MORE_OF_CALL = ChunkPart(2, "tool_call")
LOG: Log = [
    started("a"),
    chunk("a", 1, "Hm. ", part=REASONING),
    chunk("a", 2, "Yes.", part=REASONING),
    chunk("a", 3, "Let me look.", part=TEXT_AFTER),
    chunk("a", 4, "", 0, CALL),
    chunk("a", 5, '{"city":', part=MORE_OF_CALL),
    chunk("a", 6, '"Ulm"}', part=MORE_OF_CALL),
]
PARTS = (
    AnswerPart("reasoning", 8, 2),
    AnswerPart("text", 12, 1),
    AnswerPart("tool_call", 14, 3, "call_1", "get_weather"),
)
TEXT = 'Hm. Yes.Let me look.{"city":"Ulm"}'


def test_chunks_of_several_parts_are_one_answer() -> None:
    fold, _ = folded(LOG)
    reading = check([*LOG, ended("a", 6, TEXT, "tool_calls", PARTS)])
    assert (reading.text, reading.parts) == (TEXT, PARTS)
    assert [seq for _, seq in reading.frames] == list(range(8))
    assert fold.visible_text == "Let me look."
    assert chunk_parts(PARTS, 6) == [record.part for record in LOG if hasattr(record, "part")]


def test_an_answer_of_text_alone_has_no_parts_and_the_digest_of_its_text() -> None:
    fold, _ = folded([started("a"), chunk("a", 1, "x", part=ChunkPart(0, "text")), chunk("a", 2, "y")])
    assert (fold.parts, fold.visible_text) == ((), "xy")
    assert fold.sha256 == sha256(b"xy").hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        (),
        (AnswerPart("text", 8, 2), *PARTS[1:]),
        (AnswerPart("reasoning", 7, 2), AnswerPart("text", 13, 1), PARTS[2]),
        (*PARTS[:2], replace(PARTS[2], call_id="call_2")),
        (*PARTS[:2], replace(PARTS[2], name="get_time")),
        PARTS[:2],
    ],
)
def test_the_digest_covers_kinds_boundaries_ids_and_names(other: tuple[AnswerPart, ...]) -> None:
    assert check([*LOG, ended("a", 6, TEXT, "tool_calls", other)]).end is None


def test_the_digest_is_that_of_its_description() -> None:
    said = json.dumps([["reasoning", 8, "", ""], ["text", 12, "", ""], ["tool_call", 14, "call_1", "get_weather"]])
    text = sha256(TEXT.encode()).hexdigest()
    assert stream_digest(text, PARTS) == sha256((said.replace(", ", ",") + text).encode()).hexdigest()
    assert stream_digest(text, ()) == text


@pytest.mark.parametrize(
    "part",
    [
        ChunkPart(2, "text"),  # one is left out
        ChunkPart(-1, "text"),
        ChunkPart(0, "text"),  # it has another kind
        ChunkPart(0, "reasoning", "call", ""),  # only a first chunk has an id
        ChunkPart(0, "reasoning", "", "name"),
        None,  # which is part 0, text
    ],
)
def test_a_chunk_of_any_other_part_does_not_count(part: ChunkPart | None) -> None:
    log: Log = [*LOG[:3], chunk("a", 3, "no", part=part)]
    assert check(log).text == "Hm. Yes."
    assert check([*log, *LOG[3:]]).text == TEXT


@pytest.mark.parametrize("part", [ChunkPart(1, "text"), ChunkPart(7, "reasoning")])
def test_the_first_part_is_number_zero(part: ChunkPart) -> None:
    assert check([started("a"), chunk("a", 1, "no", part=part)]).text == ""


def test_text_may_come_before_a_call() -> None:
    called = ChunkPart(1, "tool_call", "c", "n")
    reading = check([started("a"), chunk("a", 1, "I look."), chunk("a", 2, "{}", part=called)])
    assert reading.parts == (AnswerPart("text", 7, 1), AnswerPart("tool_call", 2, 1, "c", "n"))


def test_an_unknown_kind_stops_the_reader_and_changes_nothing() -> None:
    fold, before = folded(LOG[:3])
    later = chunk("a", 3, "x", part=ChunkPart(1, "telepathy"))  # type: ignore[arg-type]  # a newer release's word
    with pytest.raises(NewerRecord):
        fold.apply(later)
    assert (fold.text, fold.parts, fold.last_seq) == (before.text, before.parts, before.last_seq)


def test_logprobs_are_kept_by_chunk() -> None:
    log: list[GenerationRecord] = [started("a"), chunk("a", 1), replace(chunk("a", 2), logprobs="[1]"), chunk("a", 3)]
    fold, _ = folded(log)
    assert fold.logprobs == ("", "[1]", "")
    assert folded(LOG)[0].logprobs == ()


answer_parts = st.lists(
    st.builds(AnswerPart, st.sampled_from(["text", "reasoning", "refusal"]), st.integers(0, 9), st.integers(1, 3)),
    max_size=5,
)


@given(answer_parts, st.integers(0, 20))
def test_every_chunk_has_a_part_whatever_the_parts_say(parts: list[AnswerPart], count: int) -> None:
    assert len(chunk_parts(parts, count)) == count
    assert len(chunk_parts([AnswerPart("text", 2**62, 2**62), *parts], count)) == count


@given(st.text(max_size=30), answer_parts)
def test_reading_parts_is_total_and_keeps_the_order(text: str, parts: list[AnswerPart]) -> None:
    said = list(parts_of(text, parts))
    assert text.startswith("".join(part.text for part in said))
    assert visible_text(text, parts) == "".join(part.text for part in said if part.kind in ("text", "refusal"))
