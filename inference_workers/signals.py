"""The tails of a worker: cancel notices (a generation was ended from outside) and outcomes (a job can be committed)."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Message

from inference_workers.job_table import Interrupt, Job, JobTable
from inference_workers.metrics import NOTICES_FULL
from infra.runtime.bounded import Seen
from schemas.codec import NewerRecord, UndecodableRecord
from topics.catalogue import CONTROL, GENERATION_OUTCOMES

MAX_CANCEL_NOTICES = 10_000


class Signals:
    """`finish` is called with each job that has its end and its outcome."""

    def __init__(self, jobs: JobTable, finish: Callable[[Job], None]) -> None:
        self._jobs = jobs
        self._finish = finish
        self._cancel_notices: Seen[str] = Seen(MAX_CANCEL_NOTICES)

    def was_cancelled(self, generation_id: str) -> bool:
        """Whether a cancel notice for this generation came before its job: the log knows more."""
        return generation_id in self._cancel_notices

    def on_control(self, messages: list[Message]) -> None:
        """Cancel notices: stop what has been ended from outside, remember (boundedly) what has not come yet."""
        for message in messages:
            try:
                notice = CONTROL.decode(message.value())
            except (UndecodableRecord, NewerRecord):
                continue  # the truth is in token-chunks; a damaged cancel notice costs time alone
            job = self._jobs.get(notice.generation_id)
            if job is not None:
                job.old = True
                job.stop(Interrupt.CANCELLED)
                continue
            if self._cancel_notices.add(notice.generation_id):
                NOTICES_FULL()

    def on_outcomes(self, messages: list[Message]) -> None:
        """Outcomes of generations. Only those of conversations that have a job here are decoded."""
        for message in messages:
            key = message.key()
            if not isinstance(key, bytes) or not self._jobs.has_conversation(key):
                continue
            try:
                outcome = GENERATION_OUTCOMES.decode(message.value())
            except (UndecodableRecord, NewerRecord):
                continue  # no outcome of ours; the sweep asks the log itself
            job = self._jobs.get(outcome.turn.generation_id)
            if job is not None:
                self._seen(job)

    def _seen(self, job: Job) -> None:
        job.outcome_seen = True
        if job.task is not None:
            job.stop(Interrupt.CANCELLED)
        elif job.ended_at_s is not None:
            self._finish(job)
        else:
            job.old = True  # it waits for a slot: its look back will find the end
