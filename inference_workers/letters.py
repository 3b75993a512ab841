"""Writes a worker's dead letters within bounds: records that are not jobs, and jobs that it cannot process."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from confluent_kafka import Message

from inference_workers.giving_up import Impossible, give_up
from inference_workers.job_table import Delivery, Job
from inference_workers.metrics import CONSUMED, JOBS_GIVEN_UP
from inference_workers.parking import park
from infra.logging import get_logger
from topics.dead_letters import PoisonRun
from topics.errors import FatalLogError, LogError
from topics.producer import LogProducer

MAX_BURIALS = 64
"""Records on their way into dead-letters, at which reading stops: the log does not take them."""

_log = get_logger(__name__)


class Letters:
    """`fail` is told what must end the process: a log that takes no letter, or nothing but poison."""

    def __init__(self, log: LogProducer, fail: Callable[[Exception], None]) -> None:
        self._to = log
        self._fail = fail
        self._records = PoisonRun()
        self._jobs = PoisonRun()
        CONSUMED.limits(lambda: max(self._records.in_a_row, self._jobs.in_a_row), self._records.most)
        self._under_way = 0

    @property
    def full(self) -> bool:
        """Whether so many are under way that nothing more should be read."""
        return self._under_way >= MAX_BURIALS

    def is_job(self) -> None:
        """A record was a job."""
        self._records.good()

    def served(self) -> None:
        """A job came to its end."""
        self._jobs.good()

    def park(
        self, message: Message, delivery: Delivery, error: Exception, done: Callable[[], None]
    ) -> Coroutine[Any, Any, None]:
        """Put a record that is no job into dead-letters; `done` is called once its partition may move on. It is under
        way from this call on."""
        _log.error("a record is not a job", topic=delivery.topic, partition=delivery.partition, offset=delivery.offset)
        self._under_way += 1
        return self._park(message, delivery, error, done)

    async def _park(self, message: Message, delivery: Delivery, error: Exception, done: Callable[[], None]) -> None:
        try:
            await park(self._to, message, error)
        except FatalLogError as failure:
            self._fail(failure)
            return
        finally:
            self._under_way -= 1
        done()
        CONSUMED.handled(1)
        self._count(self._records, delivery, error)

    async def give_up(self, job: Job) -> bool | None:
        """End a job that this worker cannot work at, and put it into dead-letters. Whether its end was written; None:
        the log was away, and it is to be tried again."""
        first = job.deliveries[0]
        try:
            ended = await give_up(self._to, job, job.fault)
        except FatalLogError as error:
            self._fail(error)
            return None
        except LogError as error:
            _log.warning("a job cannot be given up yet", generation=job.generation_id, reason=str(error))
            return None
        JOBS_GIVEN_UP()
        self._count(self._jobs, first, Impossible(job.fault))
        return ended

    def _count(self, run: PoisonRun, delivery: Delivery, error: Exception) -> None:
        CONSUMED.parked()
        try:
            run.poison(f"{delivery.topic}/{delivery.partition}/{delivery.offset}", error)
        except FatalLogError as failure:
            self._fail(failure)
