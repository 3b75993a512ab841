"""Cancel notices and outcomes: what they do to waiting, running and ended jobs, and to strangers'."""

from __future__ import annotations

from typing import Any, cast

from confluent_kafka import Message

from inference_workers.job_table import Delivery, Interrupt, Job, JobTable
from inference_workers.signals import MAX_CANCEL_NOTICES, Signals
from schemas.codec import encode
from schemas.control import CancelRequested
from schemas.conversation import Sampling
from schemas.envelope import Position
from schemas.outcome import GenerationCancelled
from tests import records
from tests.generation_logs import ENGINE_USAGE, TURN, envelope


class Task:
    """Something that can be cancelled."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Record:
    def __init__(self, value: bytes, key: str = TURN.conversation_id) -> None:
        self._value, self._key = value, key.encode()

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return self._key


def arriving(*records: Record) -> list[Message]:
    return cast(list[Message], list(records))


class Desk:
    def __init__(self) -> None:
        self.jobs = JobTable()
        self.finished: list[Job] = []
        self.signals = Signals(self.jobs, self.finished.append)
        request = records.job(TURN, envelope=envelope(), sampling=Sampling(max_tokens=1))
        self.job = Job(request, [Delivery("t", 0, 0, 1)], old=False)

    def held(self, *, running: bool = False) -> Task:
        task = Task()
        if running:
            self.job.task = cast(Any, task)
        self.jobs.take(self.job)
        return task


BELL = Record(encode(CancelRequested(envelope(), TURN.generation_id, TURN.conversation_id, "cancelled")))
OUTCOME = Record(
    encode(
        GenerationCancelled(
            envelope=envelope(),
            turn=TURN,
            text="",
            chunks=(),
            started_at_us=None,
            ended_at_us=1,
            attempts=1,
            usage=ENGINE_USAGE,
            cost_micros=0,
            sha256="0" * 64,
            end=Position(0, 0, 1),
            reason="cancelled",
            seen=None,
        )
    )
)
DAMAGED = Record(b"\x00damaged")


def test_a_cancel_notice_stops_a_running_job_once() -> None:
    desk = Desk()
    task = desk.held(running=True)
    desk.signals.on_control(arriving(DAMAGED, BELL, BELL))
    assert task.cancelled
    assert desk.job.interrupt is Interrupt.CANCELLED
    assert desk.job.old


def test_a_cancel_notice_makes_a_waiting_job_look_back() -> None:
    desk = Desk()
    desk.held()
    desk.signals.on_control(arriving(BELL))
    assert desk.job.old
    assert desk.job.interrupt is None


def test_a_cancel_notice_before_its_job_is_remembered_within_bounds() -> None:
    desk = Desk()
    desk.signals.on_control(arriving(BELL))
    assert desk.signals.was_cancelled(TURN.generation_id)
    others = [
        Record(encode(CancelRequested(envelope(), f"generation {n}", "c", "cancelled")))
        for n in range(MAX_CANCEL_NOTICES)
    ]
    desk.signals.on_control(arriving(*others))
    assert not desk.signals.was_cancelled(TURN.generation_id)


def test_an_outcome_finishes_an_ended_job() -> None:
    desk = Desk()
    desk.held()
    desk.job.ended_at_s = 1.0
    desk.signals.on_outcomes(arriving(DAMAGED, OUTCOME))
    assert desk.finished == [desk.job]


def test_an_outcome_stops_a_running_job_and_makes_a_waiting_one_look_back() -> None:
    running, waiting = Desk(), Desk()
    task = running.held(running=True)
    waiting.held()
    for desk in (running, waiting):
        desk.signals.on_outcomes(arriving(OUTCOME))
        assert desk.job.outcome_seen
        assert desk.finished == []
    assert task.cancelled
    assert waiting.job.old


def test_strangers_change_nothing() -> None:
    desk = Desk()
    desk.signals.on_outcomes(arriving(OUTCOME, Record(b"never decoded", "another conversation")))
    assert desk.finished == []


def test_the_job_table_counts_conversations() -> None:
    desk = Desk()
    key = TURN.conversation_id.encode()
    desk.held()
    assert desk.jobs.has_conversation(key)
    desk.jobs.release(desk.job)
    desk.jobs.release(desk.job)
    assert not desk.jobs.has_conversation(key)
    assert len(desk.jobs) == 0
