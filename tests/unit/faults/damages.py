"""Every damage that the checker must name, done to a run in which all promises were kept."""

from __future__ import annotations

import json
from dataclasses import replace

from schemas.conversation import PromptSubmitted
from schemas.envelope import Position
from schemas.generation import AttemptEnded, TokenChunk
from schemas.outcome import GenerationCompleted
from schemas.usage import UsageRecorded
from tests.faults.evidence import (
    Acked,
    CancelAnswered,
    Frame,
    GaveUp,
    Intent,
    Misread,
    Refused,
    Transcript,
)
from tests.unit.faults.damaged_rows import (
    a_prompt_that_forgets_the_answer,
    an_own_conversation_not_found,
    billed_other_tokens,
    context_without_the_parent,
    doubled_usage,
    missing_stored_answer,
    missing_stored_prompt,
    missing_usage,
    stored_as_cancelled,
    stored_as_running,
    stored_text_differs,
    stored_with_another_cost,
    usage_of_the_last_attempt_alone,
)
from tests.unit.faults.damaging import ALONE, FIRST, HELD, SECOND, Damage, drop, edit, frame_at, of, reframe
from tests.unit.faults.good_run import Run, letter
from topics.catalogue import DEAD_LETTERS, GENERATION_OUTCOMES


def lost_terminal(run: Run) -> None:
    drop(run, of(FIRST, AttemptEnded, GenerationCompleted, UsageRecorded))


def lost_outcome(run: Run) -> None:
    drop(run, of(FIRST, GenerationCompleted, UsageRecorded))


def lost_command(run: Run) -> None:
    drop(run, lambda entry: isinstance(entry.record, PromptSubmitted) and entry.record.generation_id == FIRST)


def two_outcomes_that_differ(run: Run) -> None:
    outcome = next(entry.record for entry in run.log if of(FIRST, GenerationCompleted)(entry))
    run.append(GENERATION_OUTCOMES, replace(outcome, ended_at_us=outcome.ended_at_us + 1))


def an_outcome_of_another_end(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, finish_reason="length"), of(FIRST, GenerationCompleted))


def duplicate_turn(run: Run) -> None:
    """The dedupe is off: the second copy of a command begins another turn under the same key."""
    command = next(entry.record for entry in run.log if isinstance(entry.record, PromptSubmitted))
    run.append("conversation-events", replace(command, generation_id="another", message_id="another"))


def two_turns_acknowledged(run: Run) -> None:
    run.journal.append(Acked("first", "another", "conversation"))


def a_refused_turn_that_began(run: Run) -> None:
    run.journal[:] = [
        Refused(entry.key, 400, "invalid") if isinstance(entry, Acked) and entry.key == "alone" else entry
        for entry in run.journal
    ]


def stored_twice(run: Run) -> None:
    run.stored.append(run.stored[0])


def gap(run: Run) -> None:
    del run.journal[frame_at(run, "first/second", 3)]


def repeat(run: Run) -> None:
    at = frame_at(run, "first/own", 3)
    run.journal.insert(at, run.journal[at])


def a_seam_that_repeats(run: Run) -> None:
    """A continued attempt says the last token of the one before it again, in log, outcome, stores and streams."""
    for index, entry in enumerate(run.log):
        if isinstance(entry.record, TokenChunk) and (entry.record.generation_id, entry.record.seq) == (FIRST, 4):
            run.log[index] = replace(entry, record=replace(entry.record, delta=", FIRST:3"))


def a_count_that_stops_early(run: Run) -> None:
    for index, entry in enumerate(run.log):
        if isinstance(entry.record, PromptSubmitted) and entry.record.generation_id == FIRST:
            run.log[index] = replace(
                entry, record=replace(entry.record, content="Count from 1 to 7, each marked FIRST.")
            )


def changed_text(run: Run) -> None:
    reframe(run, "first/second", 4, data=json.dumps({"delta": ", FIRST:44"}))


def changed_between_readers(run: Run) -> None:
    reframe(run, "first/second", 4, data=json.dumps({"delta": ", FIRST:4"}) + " ")


def zombie_chunk_shown(run: Run) -> None:
    reframe(run, "first/second", 5, data=json.dumps({"delta": ", zombie"}))


def zombie_chunk_counted(run: Run) -> None:
    """The fence is off: the recorder folded the zombie's chunk in."""
    text = "FIRST:1, FIRST:2, FIRST:3, FIRST:4, zombie, FIRST:6"
    edit(run, lambda entry: replace(entry.record, text=text), of(FIRST, GenerationCompleted))


def outcome_with_another_text(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, text="FIRST:1"), of(FIRST, GenerationCompleted))


def outcome_with_another_digest(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, sha256="0" * 64), of(FIRST, GenerationCompleted))


def transcript_differs(run: Run) -> None:
    run.journal[:] = [
        replace(entry, text=entry.text[:-1]) if isinstance(entry, Transcript) else entry for entry in run.journal
    ]


def another_end_shown(run: Run) -> None:
    reframe(run, "first/second", 7, data=json.dumps({"finishReason": "length"}))


def chunk_after_terminal(run: Run) -> None:
    run.journal.append(Frame("second/own", SECOND, 4, "content_chunk", json.dumps({"delta": ", SECOND:3"})))


def chunk_from_after_the_terminal(run: Run) -> None:
    at = frame_at(run, "second/own", 3)
    late = Frame("second/own", SECOND, 3, "content_chunk", json.dumps({"delta": ", SECOND:3"}))
    run.journal.insert(at, late)


def late_chunk_counted(run: Run) -> None:
    for index, entry in enumerate(run.log):
        if entry.topic == GENERATION_OUTCOMES and entry.record.turn.generation_id == SECOND:
            text = "SECOND:1, SECOND:2, SECOND:3"
            run.log[index] = replace(entry, record=replace(entry.record, text=text))


def cancelled_twice(run: Run) -> None:
    """Two ends of one generation are recorded, each made of another record."""
    outcome = next(entry.record for entry in run.log if entry.topic == GENERATION_OUTCOMES and entry.offset == 1)
    run.append(GENERATION_OUTCOMES, replace(outcome, end=Position(0, 0, 99)))


def an_untrue_cancel(run: Run) -> None:
    run.journal.append(CancelAnswered(FIRST, 200, "cancelled"))


def a_cancel_that_was_dropped(run: Run) -> None:
    run.journal.append(CancelAnswered("unknown", 202, "running"))


def same_key_two_bodies(run: Run) -> None:
    run.journal += [Intent("alone", "", "OTHER", 3, "other"), Acked("alone", ALONE, "")]


def same_body_refused(run: Run) -> None:
    intent = next(entry for entry in run.journal if isinstance(entry, Intent) and entry.key == "alone")
    run.journal += [intent, Refused("alone", 422, "idempotency_key_reused")]


def another_body_answered(run: Run) -> None:
    edit(
        run,
        lambda entry: replace(entry.record, request_hash="another"),
        lambda entry: isinstance(entry.record, PromptSubmitted) and entry.record.generation_id == FIRST,
    )


def left_waiting(run: Run) -> None:
    run.journal.append(GaveUp("first/third", FIRST, "no end within 60 s"))


def poison_not_parked(run: Run) -> None:
    drop(run, lambda entry: entry.topic == DEAD_LETTERS)


def poison_parked_twice(run: Run) -> None:
    at = next(entry for entry in run.log if isinstance(entry.record, bytes))
    run.append(DEAD_LETTERS, letter(Position(0, at.partition, at.offset), "drawn anew"))


def good_record_parked(run: Run) -> None:
    run.append(DEAD_LETTERS, letter(Position(0, 0, 0), "an outage taken for poison"))


def json_that_is_none(run: Run) -> None:
    """Two beginnings of JSON in one text, as an engine says that was told to go on."""
    edit(run, lambda entry: replace(entry.record, text='{"marks": {"marks": []}'), of(HELD, GenerationCompleted))


def json_of_another_schema(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, text='{"marks": ["HELD", "HELD"]}'), of(HELD, GenerationCompleted))


def json_read_otherwise(run: Run) -> None:
    told = [entry for entry in run.journal if isinstance(entry, Transcript) and entry.generation_id == HELD]
    run.journal[run.journal.index(told[0])] = replace(told[0], text="{}")


def an_event_out_of_sequence(run: Run) -> None:
    run.journal.append(Misread("r/background", FIRST, "event 3, due was 2"))


PLANTED: tuple[tuple[str, Damage], ...] = (
    ("I1", lost_terminal),
    ("I1", lost_outcome),
    ("I1", lost_command),
    ("I1", two_outcomes_that_differ),
    ("I1", an_outcome_of_another_end),
    ("I2", duplicate_turn),
    ("I2", two_turns_acknowledged),
    ("I2", a_refused_turn_that_began),
    ("I2", stored_twice),
    ("I3", gap),
    ("I3", repeat),
    ("I3", a_seam_that_repeats),
    ("I3", a_count_that_stops_early),
    ("I3", an_event_out_of_sequence),
    ("I4", changed_text),
    ("I4", outcome_with_another_text),
    ("I4", outcome_with_another_digest),
    ("I4", transcript_differs),
    ("I4", another_end_shown),
    ("I4", stored_text_differs),
    ("I4", stored_as_cancelled),
    ("I5", changed_between_readers),
    ("I5", zombie_chunk_shown),
    ("I5", zombie_chunk_counted),
    ("I8", missing_stored_answer),
    ("I8", missing_stored_prompt),
    ("I8", stored_as_running),
    ("I8", context_without_the_parent),
    ("I8", a_prompt_that_forgets_the_answer),
    ("I8", an_own_conversation_not_found),
    ("I9", missing_usage),
    ("I9", doubled_usage),
    ("I9", usage_of_the_last_attempt_alone),
    ("I9", billed_other_tokens),
    ("I9", stored_with_another_cost),
    ("I12", chunk_after_terminal),
    ("I12", chunk_from_after_the_terminal),
    ("I12", late_chunk_counted),
    ("I12", cancelled_twice),
    ("I12", an_untrue_cancel),
    ("I12", a_cancel_that_was_dropped),
    ("I14", left_waiting),
    ("I16", same_key_two_bodies),
    ("I16", same_body_refused),
    ("I16", another_body_answered),
    ("I22", poison_not_parked),
    ("I22", poison_parked_twice),
    ("I22", good_record_parked),
    ("I23", json_that_is_none),
    ("I23", json_of_another_schema),
    ("I23", json_read_otherwise),
)
