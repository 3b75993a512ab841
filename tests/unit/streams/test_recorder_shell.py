"""The recorder's shell: what it cannot take, what a topic refuses, what it doubts, and how it lives meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError

import streams.recorder.lookback
import streams.recorder.shell as shell
from schemas.codec import NewerRecord, encode
from schemas.envelope import Position, Sealed
from schemas.generation import TokenChunk
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed
from streams import batch_shell
from streams.recorder.shell import Recorder
from tests.generation_logs import chunk, ended, started, stopped
from tests.unit.streams.recording import NEWER, WHOLE, FakeConsumer, FakeProducer, Ground, of
from topics.catalogue import DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS, catalogue
from topics.dead_letters import MAX_POISON_IN_A_ROW
from topics.errors import FatalLogError, TooMuchPoison
from topics.generation_fold import MAX_STREAM_BYTES


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Ground:
    clock = [100.0]

    def tick() -> float:
        clock[0] += 0.01
        return clock[0]

    monkeypatch.setattr(batch_shell, "group_consumer", lambda *_, on_commit, **__: FakeConsumer(on_commit))
    monkeypatch.setattr(shell, "open_producer", lambda _: FakeProducer())
    monkeypatch.setattr(batch_shell, "monotonic_s", tick)
    made = Ground(Recorder({}, catalogue(), None), clock)
    monkeypatch.setattr(streams.recorder.lookback, "scan", made.scan)

    def is_set_aside(_: Any, topic: str, partition: int, offset: int, at_ms: int, alive: Callable[[], None]) -> bool:
        alive()
        return (topic, partition, at_ms) == (TOKEN_CHUNKS, 0, 5000) and offset in made.set_aside

    monkeypatch.setattr(shell, "is_set_aside", is_set_aside)
    monkeypatch.setattr(streams.recorder.lookback, "is_set_aside", is_set_aside)
    return made


def test_a_generation_is_recorded_and_committed(ground: Ground) -> None:
    ground.take(*WHOLE)
    assert [type(outcome) for outcome in ground.outcomes] == [GenerationCompleted]
    assert (ground.letters, ground.committed()) == ([], 3)


def test_a_commit_that_was_not_taken_is_asked_for_again(ground: Ground) -> None:
    ground.consumer.refuse = True
    ground.take(*WHOLE)
    ground.clock[0] += 1
    ground.recorder.shell.handle([])
    assert ground.recorder.shell.reader.commits.committed == {}
    ground.consumer.refuse = False
    assert (ground.committed(), ground.consumer.committed) == (3, [3])


@pytest.mark.parametrize(
    "poison",
    [b"", b"garbage", encode(TokenChunk("generation", "a", 2, 1, 1, Sealed("k", b"n", b"c"))), encode(WHOLE[1])[:-1]],
    ids=["empty", "no frame", "sealed", "cut"],
)
def test_what_cannot_be_read_is_parked_whole_and_the_rest_goes_on(ground: Ground, poison: bytes) -> None:
    ground.take(*WHOLE[:2], poison, WHOLE[2])
    (letter,) = ground.letters
    assert (letter.topic, letter.offset, letter.value, letter.consumer) == (TOKEN_CHUNKS, 2, poison, "streams.recorder")
    assert [type(outcome) for outcome in ground.outcomes] == [GenerationCompleted]
    assert ground.committed() == 4


def test_a_newer_record_stops_it_unacknowledged_with_all_before_it_recorded(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful = of("another", [stopped()])
    ground.append(*doubtful)
    late = of("another", [stopped("deleted")])
    with pytest.raises(NewerRecord):
        ground.handle(ground.append(*WHOLE, *late, NEWER, *of("h", WHOLE)))
    assert len(ground.outcomes) == 1 and ground.letters == [] and ground.scans == 1
    assert ground.committed() == 5


def test_a_newer_record_that_is_set_aside_is_passed_over_and_no_open_generation_is_lost(ground: Ground) -> None:
    ground.set_aside.add(2)
    ground.take(*WHOLE[:2], NEWER)
    assert (ground.outcomes, ground.letters, ground.committed()) == ([], [], 0)
    ground.take(WHOLE[2])
    assert [type(outcome) for outcome in ground.outcomes] == [GenerationCompleted]
    assert (ground.letters, ground.committed()) == ([], 4)
    with pytest.raises(NewerRecord):
        ground.take(NEWER)


def test_looking_back_passes_over_what_is_set_aside_too(ground: Ground) -> None:
    ground.append(*of("another", WHOLE[:2]), NEWER)
    doubtful = ground.append(*of("another", [stopped()]))
    with pytest.raises(NewerRecord):
        ground.handle(doubtful)
    ground.set_aside.add(2)
    ground.recorder._partitions.clear()
    ground.handle(doubtful)
    assert [type(outcome) for outcome in ground.outcomes] == [GenerationCancelled]


def test_an_end_of_a_newer_release_stops_it_likewise(ground: Ground) -> None:
    with pytest.raises(NewerRecord, match="'paused'"):
        ground.take(*WHOLE[:2], replace(stopped(), reason="paused"))  # type: ignore[arg-type]  # a newer release knows it
    assert (ground.outcomes, ground.letters) == ([], [])
    assert ground.committed() == 0  # the generation is open


def test_too_many_in_a_row_end_the_process_behind_what_it_parked(ground: Ground) -> None:
    with pytest.raises(TooMuchPoison, match="100 records in a row"):
        ground.take(*WHOLE, *[b"garbage"] * (MAX_POISON_IN_A_ROW + 5))
    assert ground.committed() == 3 + MAX_POISON_IN_A_ROW
    assert len(ground.letters) == MAX_POISON_IN_A_ROW


def test_one_good_record_between_them_is_enough(ground: Ground) -> None:
    for _ in range(3):
        ground.take(*[b"garbage"] * (MAX_POISON_IN_A_ROW - 1), *of(f"g{_}", WHOLE))
    assert len(ground.letters) == 3 * (MAX_POISON_IN_A_ROW - 1) and len(ground.outcomes) == 3


def test_an_answer_beyond_a_record_is_recorded_as_a_failure_with_a_letter_that_says_so(ground: Ground) -> None:
    size = 900_000
    chunks = [chunk("a", seq, "x" * size) for seq in range(1, 11)]
    ground.take(started("a"), *chunks, ended("a", 10, "x" * size * 10))
    (outcome,), (letter,) = ground.outcomes, ground.letters
    assert isinstance(outcome, GenerationFailed) and outcome.failure.code == "unrecordable"
    assert outcome.text == "x" * size * (MAX_STREAM_BYTES // size)
    assert (letter.error_type, letter.offset) == ("Unrecordable", 11)
    assert ground.committed() == 12


def test_a_usage_of_two_to_the_63_is_a_finished_answer(ground: Ground) -> None:
    end = ended("a", 1, "<a1>")
    ground.take(*WHOLE[:2], replace(end, usage=replace(end.usage, completion_tokens=2**63 - 1)))
    (outcome,) = ground.outcomes
    assert isinstance(outcome, GenerationCompleted) and outcome.usage.estimated
    assert ground.letters == [] and ground.committed() == 3


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD])
@pytest.mark.parametrize("at_once", [False, True])
def test_an_outcome_that_its_topic_refuses_ends_the_turn_without_its_text(
    ground: Ground, code: int, at_once: bool
) -> None:
    ground.producer.raise_refusals = at_once
    ground.producer.refuse = lambda topic, record: code if topic == GENERATION_OUTCOMES and record.text else None
    ground.take(*WHOLE)
    assert ground.committed() == 3
    (outcome,), (letter,) = ground.outcomes, ground.letters
    assert isinstance(outcome, GenerationFailed)
    assert (outcome.failure.code, outcome.text, outcome.turn) == ("unrecordable", "", started("a").turn)
    assert (letter.error_type, letter.offset) == ("RecordRefused", 2)


def test_what_is_refused_whatever_it_is_leaves_its_letter_and_the_rest_goes_on(ground: Ground) -> None:
    ground.producer.refuse = lambda topic, record: (
        KafkaError.MSG_SIZE_TOO_LARGE
        if topic == GENERATION_OUTCOMES and record.turn.generation_id == "generation"
        else None
    )
    ground.take(*WHOLE, *of("h", WHOLE))
    assert ground.committed() == 6
    assert [outcome.turn.generation_id for outcome in ground.outcomes] == ["h"] and len(ground.letters) == 1


def test_a_letter_that_is_refused_holds_nothing_up(ground: Ground) -> None:
    ground.producer.refuse = lambda topic, record: KafkaError.MSG_SIZE_TOO_LARGE if topic == DEAD_LETTERS else None
    ground.take(b"garbage", *WHOLE)
    assert ground.committed() == 4 and len(ground.outcomes) == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_a_log_that_is_away_is_no_refusal(ground: Ground, at_once: bool) -> None:
    ground.producer.raise_refusals = at_once
    ground.producer.refuse = lambda topic, record: KafkaError._MSG_TIMED_OUT
    with pytest.raises(FatalLogError):
        ground.take(*WHOLE)
        ground.recorder.shell.handle([])
    assert ground.consumer.committed in ([], [0])


def test_a_thousand_ends_in_doubt_are_one_scan_with_signs_of_life_and_commits_on_the_way(ground: Ground) -> None:
    older = [record for n in range(500) for record in of(f"g{n}", WHOLE)]
    ground.append(*older)
    begin = len(ground.log)
    late = [record for n in range(1000) for record in of(f"g{n}", [stopped()])]
    ground.handle(ground.append(*late))
    assert ground.scans == 1
    # g0 to g499 had ended before; the rest ended here, each at its own place.
    assert [outcome.turn.generation_id for outcome in ground.outcomes] == [f"g{n}" for n in range(500, 1000)]
    assert {type(outcome) for outcome in ground.outcomes} == {GenerationCancelled}
    assert [outcome.end for outcome in ground.outcomes] == [Position(0, 0, begin + n) for n in range(500, 1000)]
    # 0.01 s pass with every look at the clock: the batch takes half a minute of it.
    assert ground.clock[0] > 125 and ground.sign.beats > 50
    assert len(ground.consumer.committed) > 20 and min(ground.consumer.committed) == begin
    assert ground.committed() == begin + 1000


def test_what_was_accepted_before_an_end_in_doubt_is_in_its_outcome(ground: Ground) -> None:
    ground.append(*WHOLE[:2])
    ground.take(stopped())
    (outcome,) = ground.outcomes
    assert (outcome.text, outcome.attempts) == ("<a1>", 1)


def test_of_two_ends_in_doubt_the_first_one_counts_and_a_late_start_begins_nothing(ground: Ground) -> None:
    ground.append(b"older")
    ground.take(stopped("expired"), stopped("deleted"), *WHOLE)
    (outcome,) = ground.outcomes
    assert isinstance(outcome, GenerationFailed) and outcome.end == Position(0, 0, 1)
    assert ground.committed() == 6


def test_an_end_whose_beginning_the_topic_has_forgotten_is_recorded(ground: Ground) -> None:
    ground.append(*of("g", WHOLE))
    ground.low = 2
    known = stopped()
    known = replace(known, turn=replace(known.turn, tail=Position(0, 0, 2)))
    ground.take(*of("forgotten", [stopped("expired")]), known)
    assert [outcome.turn.generation_id for outcome in ground.outcomes] == ["forgotten", "generation"]
    assert ground.scans == 2


def test_damage_and_sealed_chunks_in_the_past_are_passed_over(ground: Ground) -> None:
    ground.append(*WHOLE[:2], b"garbage", TokenChunk("generation", "a", 2, 1, 1, Sealed("k", b"n", b"c")))
    ground.take(stopped())
    assert [outcome.text for outcome in ground.outcomes] == ["<a1>"]
