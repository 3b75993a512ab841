"""The demo's verdicts: all hold for an unharmed answer, and each planted fault is seen by the verdict it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from api.streaming.endings import ending_of_outcome
from api.streaming.frames import EventFrames
from api.streaming.pieces import piece
from infra.cli.chat_wire import Frame, FrameReader
from infra.cli.demo_check import Evidence, Finding, Stored, check, text_of
from infra.cli.demo_story import Pauses, attempts_of, pauses
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from schemas.outcome import GenerationCompleted
from streams.metering.reactor import usage_record
from tests.generation_logs import TURN, chunk, ended, started, stopped
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

TEXT = "g:1, g:2, g:3"
LOG: tuple[GenerationRecord, ...] = (
    started("a"),
    chunk("a", 1, "g:1"),
    chunk("a", 2, ", g"),
    started("b", 2),
    chunk("a", 3, "ZOMBIE"),
    chunk("b", 3, ":2, g:3"),
    ended("b", 3, TEXT),
    ended("a", 3, "g:1, gZOMBIE"),
)

SEQUENCE = "the sequence has no gap and no repeat"
WHOLE = "the text is the whole answer"
READ = "sha256 of what was read"
STORED = "sha256 of the stored message"
FOLDED = "sha256 of the log, folded"
OUTCOME = "exactly one outcome, its sha256 the same"
USAGE = "exactly one usage record, as the outcome says"
AGAIN = "read again, the stream is the same to the byte"


def outcome(log: Sequence[GenerationRecord] = LOG) -> GenerationCompleted:
    fold = GenerationFold()
    for offset, record in enumerate(log):
        fold.apply(record, Position(0, 0, offset))
    made = outcome_of(fold)
    assert isinstance(made, GenerationCompleted)
    return made


def frames() -> tuple[Frame, ...]:
    """As the API makes them."""
    made, dialect = outcome(), EventFrames()
    pieces = [piece(delta) for delta in ("g:1", ", g", ":2, g:3")]
    body = [dialect.start(TURN, 0), *dialect.chunks(pieces, 0, 3), dialect.end(ending_of_outcome(made), 4)]
    return tuple(FrameReader().feed(b"".join(body)))


def unharmed() -> Evidence:
    made = outcome()
    bill = usage_record(made, Position(0, 0, 5))
    return Evidence(TEXT, frames(), frames(), Stored("completed", TEXT), LOG, (made,), (bill,))


def failed(findings: Sequence[Finding]) -> set[str]:
    return {finding.promise for finding in findings if not finding.holds}


def with_frames(change: Callable[[list[Frame]], object]) -> Callable[[Evidence], Evidence]:
    def changed(evidence: Evidence) -> Evidence:
        harmed = list(evidence.frames)
        change(harmed)
        return replace(evidence, frames=tuple(harmed))

    return changed


def test_an_unharmed_answer_passes() -> None:
    found = check(unharmed())
    assert failed(found) == set()
    assert [finding.promise for finding in found] == [SEQUENCE, WHOLE, READ, STORED, FOLDED, OUTCOME, USAGE, AGAIN]


def test_repeats_of_the_same_outcome_and_bill_are_one() -> None:
    once = unharmed()
    found = check(replace(once, outcomes=once.outcomes * 2, usages=once.usages * 3))
    assert failed(found) == set()
    assert any("written 2 times, identical" in finding.seen for finding in found)
    assert any("written 3 times with one id" in finding.seen for finding in found)


@pytest.mark.parametrize(
    ("plant", "seen_by"),
    [
        (with_frames(lambda f: f.pop(2)), {SEQUENCE, WHOLE, STORED, FOLDED, OUTCOME, AGAIN}),
        (with_frames(lambda f: f.insert(2, f[2])), {SEQUENCE, WHOLE, STORED, FOLDED, OUTCOME, AGAIN}),
        (with_frames(lambda f: f.pop()), {SEQUENCE, WHOLE, AGAIN}),
        (with_frames(lambda f: f.append(f[-1])), {SEQUENCE, AGAIN}),
        (with_frames(lambda f: f.append(replace(f[-1], seq=5))), {SEQUENCE, AGAIN}),
        (with_frames(lambda f: f.append(replace(f[1], seq=5))), {SEQUENCE, WHOLE, STORED, FOLDED, OUTCOME, AGAIN}),
        (
            with_frames(lambda f: f.__setitem__(2, replace(f[2], data='{"delta":", h"}'))),
            {WHOLE, STORED, FOLDED, OUTCOME, AGAIN},
        ),
        (
            with_frames(lambda f: f.__setitem__(2, replace(f[2], data="damage"))),
            {WHOLE, STORED, FOLDED, OUTCOME, AGAIN},
        ),
        (with_frames(lambda f: f.clear()), {SEQUENCE, WHOLE, READ, STORED, FOLDED, OUTCOME, AGAIN}),
        (lambda e: replace(e, expected=TEXT + ", g:4"), {WHOLE}),
        (lambda e: replace(e, again=e.again[:-1]), {AGAIN}),
        (lambda e: replace(e, again=()), {AGAIN}),
        (lambda e: replace(e, stored=None), {STORED}),
        (lambda e: replace(e, stored=Stored("completed", TEXT + "!")), {STORED}),
        (lambda e: replace(e, stored=Stored("failed", TEXT)), {STORED}),
        (lambda e: replace(e, log=e.log[:5]), {FOLDED}),
        (lambda e: replace(e, log=(*e.log[:5], chunk("b", 3, ":2, g:4"), e.log[6])), {FOLDED}),
        (lambda e: replace(e, outcomes=()), {OUTCOME, USAGE}),
        (lambda e: replace(e, outcomes=(*e.outcomes, replace(e.outcomes[0], ended_at_us=1))), {OUTCOME}),
        (lambda e: replace(e, outcomes=(replace(e.outcomes[0], sha256="0" * 64),)), {OUTCOME}),
        (lambda e: replace(e, outcomes=(replace(e.outcomes[0], text="other"),)), {OUTCOME}),
        (lambda e: replace(e, usages=()), {USAGE}),
        (
            lambda e: replace(
                e, usages=(*e.usages, replace(e.usages[0], envelope=replace(e.usages[0].envelope, event_id="second")))
            ),
            {USAGE},
        ),
        (lambda e: replace(e, usages=(replace(e.usages[0], cost_micros=0),)), {USAGE}),
    ],
)
def test_a_planted_fault_is_seen(plant: Callable[[Evidence], Evidence], seen_by: set[str]) -> None:
    assert failed(check(plant(unharmed()))) == seen_by


def test_an_answer_that_failed_is_no_whole_answer() -> None:
    error = Frame(4, "error", '{"code":"engine","message":"it broke","retryable":true}')
    found = check(replace(unharmed(), frames=(*frames()[:4], error)))
    assert failed(found) == {WHOLE, AGAIN}
    assert any("finish reason engine" in finding.seen for finding in found)


def test_words_that_nobody_knows_before_must_only_be_the_same_everywhere() -> None:
    own = replace(unharmed(), expected=None)
    assert failed(check(own)) == set()
    assert failed(check(replace(own, stored=Stored("completed", "other")))) == {STORED}


def test_the_text_of_frames() -> None:
    assert text_of(frames()) == TEXT


def test_attempts_are_told_from_the_log() -> None:
    first, second = attempts_of(LOG)
    assert (first.number, first.worker, first.owns, first.first_seq, first.last_seq) == (1, "worker", True, 1, 2)
    assert (first.void, first.end) == (1, "")
    assert (second.number, second.first_seq, second.last_seq, second.void, second.end) == (2, 3, 3, 0, "stop")


def test_a_second_claim_to_a_number_is_void() -> None:
    _, second = attempts_of([started("a"), started("b"), chunk("b", 1), stopped()])
    assert (second.owns, second.first_seq, second.void) == (False, None, 1)


def test_a_hand_over_is_an_end_of_the_attempt() -> None:
    handed_over = ended("a", 1, "x", "handed_over")
    first, second = attempts_of([started("a"), chunk("a", 1, "x"), handed_over, started("b", 2)])
    assert (first.end, second.end) == ("handed_over", "")


def test_pauses() -> None:
    assert pauses([0.0, 1.0, 2.0, 3.0, 5.5, 6.0], 2.5) == Pauses(1.0, 0.5, 2.5)
    assert pauses([0.0, 1.0], 2.0) is None
    assert pauses([3.0], 2.0) == Pauses(0.0, 1.0, 1.0)
