"""What a worker does with a job, from what the log says of its generation."""

from __future__ import annotations

from inference_workers.attempts import CANNOT_RESUME, Answer, EndOnly, NothingToDo, Plan, owns, plan
from schemas.generation import GenerationRecord
from tests.generation_logs import chunk, ended, started, stopped
from topics.generation_fold import GenerationFold


def folded(*records: GenerationRecord) -> GenerationFold:
    fold = GenerationFold()
    for record in records:
        fold.apply(record)
    return fold


def planned(*records: GenerationRecord, max_tokens: int = 100, continues: bool = True) -> Plan:
    return plan(folded(*records), max_tokens=max_tokens, continues=continues)


def test_nothing_in_the_log_is_the_first_attempt() -> None:
    assert planned() == Answer(1)


def test_an_attempt_without_text_is_followed_by_a_fresh_one() -> None:
    assert planned(started("a")) == Answer(2)
    assert planned(started("a"), ended("a", 0, "", "handed_over")) == Answer(2)


def test_a_prefix_is_continued() -> None:
    assert planned(started("a"), chunk("a", 1, "one "), chunk("a", 2, "two", 3)) == Answer(2, 3, "one two", 4)


def test_an_end_leaves_nothing_to_do() -> None:
    assert planned(started("a"), chunk("a", 1, "x"), ended("a", 1, "x")) == NothingToDo()
    assert planned(stopped("cancelled")) == NothingToDo()


def test_what_cannot_be_continued_ends_and_keeps_its_text() -> None:
    assert planned(started("a"), chunk("a", 1, "x"), continues=False) == EndOnly(2, 2, "x", 1, CANNOT_RESUME)
    assert CANNOT_RESUME.retryable


def test_a_length_that_was_reached_is_the_end() -> None:
    log: list[GenerationRecord] = [started("a"), chunk("a", 1, "x", 5)]
    assert planned(*log, max_tokens=5) == EndOnly(2, 2, "x", 5, None)
    assert planned(*log, max_tokens=6) == Answer(2, 2, "x", 5)


def test_the_newest_number_owns_and_its_duplicate_does_not() -> None:
    log: list[GenerationRecord] = [started("a"), chunk("a", 1), started("b", 2), started("c", 2)]
    assert owns(folded(*log), "b")
    assert not owns(folded(*log), "c")
    assert not owns(folded(*log), "a")
    assert not owns(folded(*log, stopped("cancelled")), "b")
    assert planned(*log) == Answer(3, 2, "<a1>", 1)
