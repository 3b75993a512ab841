"""Damages to what is stored of an answer, and to its bill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.conversation import PromptSubmitted
from schemas.generation import AttemptEnded, GenerationRequested
from schemas.usage import UsageRecorded
from tests.faults.evidence import (
    Intent,
    LogRecord,
    Refused,
)
from tests.unit.faults.damaging import FIRST, SECOND, drop, edit, of
from tests.unit.faults.good_run import Run
from topics.catalogue import USAGE_RECORDS


def missing_stored_answer(run: Run) -> None:
    run.stored[:] = [message for message in run.stored if message.message_id != FIRST]


def missing_stored_prompt(run: Run) -> None:
    run.stored[:] = [message for message in run.stored if message.role != "user"]


def _restore(run: Run, **changes: Any) -> None:
    run.stored[:] = [replace(message, **changes) if message.message_id == FIRST else message for message in run.stored]


def stored_text_differs(run: Run) -> None:
    _restore(run, content="FIRST:1")


def stored_as_running(run: Run) -> None:
    _restore(run, status="running", content="", finish_reason=None)


def stored_as_cancelled(run: Run) -> None:
    _restore(run, status="cancelled", finish_reason="cancelled")


def stored_with_another_cost(run: Run) -> None:
    _restore(run, cost_micros=1)


def context_without_the_parent(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, messages=entry.record.messages[1:]), of(SECOND, GenerationRequested))


def a_prompt_that_forgets_the_answer(run: Run) -> None:
    edit(
        run,
        lambda entry: replace(entry.record, parent_message_id=None),
        lambda entry: isinstance(entry.record, PromptSubmitted) and entry.record.generation_id == SECOND,
    )


def an_own_conversation_not_found(run: Run) -> None:
    run.journal += [Intent("fourth", "c", "FOURTH", 3, "body"), Refused("fourth", 404, "not_found")]


def missing_usage(run: Run) -> None:
    drop(run, of(FIRST, UsageRecorded))


def doubled_usage(run: Run) -> None:
    bill = next(entry.record for entry in run.log if of(FIRST, UsageRecorded)(entry))
    run.append(USAGE_RECORDS, replace(bill, envelope=replace(bill.envelope, event_id="drawn anew")))


def usage_of_the_last_attempt_alone(run: Run) -> None:
    def less(entry: LogRecord) -> Any:
        return replace(entry.record, usage=replace(entry.record.usage, completion_tokens=3))

    edit(run, less, of(FIRST, AttemptEnded))


def billed_other_tokens(run: Run) -> None:
    edit(run, lambda entry: replace(entry.record, cost_micros=1), of(FIRST, UsageRecorded))
