"""The checker finds nothing in a good run, and names every planted damage as the promise it breaks."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conversation import PromptSubmitted
from schemas.envelope import Position
from schemas.generation import AttemptEnded, Failure, GenerationEnded, GenerationRequested, TokenChunk
from schemas.outcome import GenerationCompleted
from tests.faults.checker import check, table
from tests.faults.evidence import (
    Acked,
    Cut,
    Evidence,
    Frame,
    StoredMessage,
)
from tests.faults.rules_log import FIRST_CHUNK_AFTER_CANCEL_S
from tests.unit.faults.damages import PLANTED, lost_command, lost_terminal
from tests.unit.faults.damaging import ALONE, FIRST, HELD, SECOND, Damage, edit, of
from tests.unit.faults.good_run import Run, good_run
from topics.catalogue import GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of


def test_a_good_run_breaks_nothing() -> None:
    evidence = good_run().evidence("kill worker")
    assert check(evidence) == []
    assert "acknowledged                   4" in table(evidence, [])
    assert "  completed whole              1" in table(evidence, [])


@pytest.mark.parametrize(
    ("invariant", "damage"),
    PLANTED,
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_planted_damage_is_named(invariant: str, damage: Damage) -> None:
    run = good_run()
    damage(run)
    broken = check(run.evidence("kill worker"))
    assert invariant in {violation.invariant for violation in broken}, broken
    assert all(violation.detail and violation.subject for violation in broken)
    assert f"{broken[0].invariant} {broken[0].subject}" in table(run.evidence(), broken)


def test_a_fold_that_lets_zombies_in_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(self: GenerationFold, chunk: TokenChunk) -> int | None:
        self._deltas.append(str(chunk.delta))
        self.last_seq = max(self.last_seq, chunk.seq)
        return chunk.seq

    run = good_run()
    monkeypatch.setattr(GenerationFold, "_chunk", trusting)
    assert {violation.invariant for violation in check(run.evidence())} == {"I5"}


def test_only_graceful_stops_must_fail_no_turn() -> None:
    run = good_run()
    index = next(index for index, entry in enumerate(run.log) if of(FIRST, AttemptEnded)(entry))
    failure = Failure("interrupted", "it was interrupted", True)
    run.log[index] = replace(
        run.log[index], record=replace(run.log[index].record, finish_reason="failed", failure=failure)
    )
    fold = GenerationFold()
    for entry in run.log:
        if entry.topic == TOKEN_CHUNKS and of(FIRST, type(entry.record))(entry):
            fold.apply(entry.record, Position(0, 0, entry.offset))
    failed = outcome_of(fold)
    edit(run, lambda _: failed, of(FIRST, GenerationCompleted))
    named = {violation.invariant for violation in check(run.evidence("term worker 1", "term api"))}
    assert "I20" in named
    assert "I20" not in {violation.invariant for violation in check(run.evidence("term worker 1", "kill api"))}


def interrupted(*, generation: str, retryable: bool = True, chunks: bool = True) -> Run:
    """A good run whose `generation` ended by the failure of an answer that is not continued."""
    run = good_run()
    if not chunks:
        run.log[:] = [entry for entry in run.log if not of(generation, TokenChunk)(entry)]
    index = next(index for index, entry in enumerate(run.log) if of(generation, AttemptEnded)(entry))
    failure = Failure("interrupted", "it was interrupted", retryable)
    none = {} if chunks else {"last_seq": 0, "sha256": sha256(b"").hexdigest()}
    failed = replace(run.log[index].record, finish_reason="failed", failure=failure, **none)
    run.log[index] = replace(run.log[index], record=failed)
    fold = GenerationFold()
    for entry in run.log:
        if entry.topic == TOKEN_CHUNKS and of(generation, type(entry.record))(entry):
            fold.apply(entry.record, Position(0, 0, entry.offset))
    outcome = outcome_of(fold)
    edit(run, lambda _: outcome, of(generation, GenerationCompleted))
    return run


def test_a_graceful_stop_may_interrupt_json_that_has_begun_and_nothing_else() -> None:
    def named(run: Run) -> set[str]:
        return {violation.invariant for violation in check(run.evidence("term worker 1"))}

    assert "I20" not in named(interrupted(generation=HELD))
    assert "I20" in named(interrupted(generation=HELD, chunks=False))
    assert "I20" in named(interrupted(generation=HELD, retryable=False))
    assert "I20" in named(interrupted(generation=ALONE))


def test_a_job_cancelled_in_the_queue_must_not_begin() -> None:
    run = good_run()
    late_us = int(FIRST_CHUNK_AFTER_CANCEL_S * 1e6) + 1
    cancelled = next(entry for entry in run.log if isinstance(entry.record, GenerationEnded))
    earlier = [entry for entry in run.log if entry.topic == TOKEN_CHUNKS and entry.offset < cancelled.offset]
    own = [entry for entry in earlier if of(SECOND, type(entry.record))(entry)]
    run.log[:] = [entry for entry in run.log if entry not in own]
    moved = [
        replace(entry, offset=1000 + n, timestamp_us=cancelled.timestamp_us + late_us) for n, entry in enumerate(own)
    ]
    run.log += moved
    named = {(violation.invariant, violation.subject) for violation in check(run.evidence(), expect_stored=False)}
    assert ("I12", SECOND) in named


def test_a_run_that_was_not_waited_for_may_have_open_ends() -> None:
    run = good_run()
    lost_terminal(run)
    run.journal[:] = [
        entry for entry in run.journal if not (isinstance(entry, Frame | Cut) and entry.reader.startswith("first/"))
    ]
    run.stored.clear()
    assert check(run.evidence(), expect_all_finished=False, expect_stored=False) == []
    assert {violation.invariant for violation in check(run.evidence(), expect_stored=False)} == {"I1"}


def test_a_head_without_a_name_is_resolved_by_the_log() -> None:
    run = good_run()
    run.journal[:] = [replace(entry, generation_id="") if isinstance(entry, Acked) else entry for entry in run.journal]
    assert check(run.evidence()) == []
    lost_command(run)
    assert "I1" in {violation.invariant for violation in check(run.evidence())}


@given(st.data())
def test_any_lost_record_that_matters_is_noticed(data: st.DataObject) -> None:
    """Whatever single record of the log vanishes, of those that a promise hangs on, some promise is broken."""
    run = good_run()
    matters = [
        entry
        for entry in run.log
        if not isinstance(entry.record, GenerationRequested | PromptSubmitted | bytes)
        and not (isinstance(entry.record, TokenChunk | AttemptEnded) and entry.offset in _void_offsets(run))
        and not (entry.topic == GENERATION_OUTCOMES and entry.offset in (1, 2))  # recorded twice
    ]
    run.log.remove(data.draw(st.sampled_from(matters)))
    assert check(run.evidence())


@given(st.data())
def test_any_change_of_a_reading_is_noticed(data: st.DataObject) -> None:
    """A reader's journal that loses a frame, repeats one, swaps two or changes one breaks a promise."""
    run = good_run()
    frames = [
        index for index, entry in enumerate(run.journal) if isinstance(entry, Frame) and entry.event != "message_end"
    ]
    at = data.draw(st.sampled_from(frames))
    entry = run.journal[at]
    assert isinstance(entry, Frame)
    match data.draw(st.sampled_from(("lose", "repeat", "change", "swap"))):
        case "lose":
            del run.journal[at]
        case "repeat":
            run.journal.insert(at, entry)
        case "change":
            run.journal[at] = replace(entry, data=json.dumps({"delta": "other"}))
        case _:
            following = next(i for i in range(at + 1, len(run.journal)) if not isinstance(run.journal[i], Cut))
            run.journal[at], run.journal[following] = run.journal[following], entry
    assert check(run.evidence())


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_the_log_was_read_does_not_matter(random: Any) -> None:
    run = good_run()
    random.shuffle(run.log)
    assert check(run.evidence()) == []


def _void_offsets(run: Run) -> set[int]:
    """Where the zombie's chunk stands, and what came after the cancel."""
    cancelled = next(entry.offset for entry in run.log if isinstance(entry.record, GenerationEnded))
    return {cancelled + 1, cancelled + 2} | {
        entry.offset for entry in run.log if isinstance(entry.record, TokenChunk) and entry.record.delta == ", zombie"
    }


def test_evidence_may_be_empty() -> None:
    assert check(Evidence((), (), ())) == []
    assert check(Evidence((), (), (StoredMessage("c", "m", "user", "hi", "completed", None, None, None),))) == []
