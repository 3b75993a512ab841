"""What a worker does at once: a bounded number of attempts, and what becomes of their jobs."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from inference_workers.attempt import Attempt, NotOwner, WorkerContext
from inference_workers.job_table import Interrupt, Job
from inference_workers.jobs import Jobs
from inference_workers.letters import Letters
from inference_workers.metrics import AGAIN, ENDED, INTERRUPTED, RUNNING, SLOTS
from infra.logging import get_logger
from schemas.codec import NewerRecord
from topics.catalogue import Catalogue
from topics.errors import FatalLogError, LogError, RecordRefused

RETRY_S = 1.0
MAX_FAULTS = 4
"""How often a worker fails at a job because of the job itself before it gives it up."""

_log = get_logger(__name__)


class Slots:
    """`open` before anything is to begin, `close` before it is to end.

    `was_cancelled`: whether a generation was ended before its job came. `fail` is told what must end the process;
    `changed` is called when there may be room for more jobs, or none any more.
    """

    def __init__(
        self,
        context: WorkerContext,
        topics: Catalogue,
        jobs: Jobs,
        letters: Letters,
        *,
        slots: int,
        was_cancelled: Callable[[str], bool],
        fail: Callable[[Exception], None],
        changed: Callable[[], None],
    ) -> None:
        self._context = context
        self._topics = topics
        self._jobs = jobs
        self._letters = letters
        self._slots = slots
        self._was_cancelled = was_cancelled
        self._fail = fail
        self._changed = changed
        self._tasks: asyncio.TaskGroup | None = None
        self.running = 0
        self.idle = asyncio.Event()
        self.idle.set()
        SLOTS.set(slots)
        RUNNING.set_function(lambda: self.running)

    def named(self, worker: str) -> None:
        """The worker is called so from now on."""
        self._context = replace(self._context, worker=worker)

    def open(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks

    def close(self) -> None:
        """A slot that comes free begins nothing new from now on."""
        self._tasks = None

    def start_waiting(self) -> None:
        """Begin as many jobs as there are free slots."""
        while self._tasks is not None and self.running < self._slots:
            job = self._jobs.next()
            if job is None:
                break
            self.running += 1
            self.idle.clear()
            job.task = task = self._tasks.create_task(self._attempt(job))
            task.add_done_callback(partial(self._job_done, job))
        self._changed()

    def again(self, job: Job) -> None:
        """Take a job up again."""
        if self._tasks is not None and self._jobs.again(job):
            self.start_waiting()

    def _job_done(self, job: Job, task: asyncio.Task[bool]) -> None:
        """Free the slot. Not in the task itself: one that is cancelled before its first step runs none of its code."""
        self._jobs.stopped(job)
        self.running -= 1
        if not self.running:
            self.idle.set()
        if task.cancelled():
            INTERRUPTED()
            again = job.interrupt is not None and self._interrupted(job, job.interrupt)
        else:
            again = task.exception() is None and task.result()
            (AGAIN if again else ENDED)()
        if again and self._tasks is not None:
            asyncio.get_running_loop().call_later(RETRY_S, self.again, job)
        self.start_waiting()

    async def _attempt(self, job: Job) -> bool:
        """One attempt. True: the job is to be taken up again."""
        if job.faults >= MAX_FAULTS:
            ended = await self._letters.give_up(job)
            if ended is not None:
                self._jobs.ended(job, committable=not ended)
            return ended is None
        if self._was_cancelled(job.generation_id):
            job.old = True  # something ended it before it came: the log knows
        first = job.deliveries[0]
        attempt = Attempt(self._context, job, self._topics.position(first.topic, first.partition, first.offset))
        try:
            await attempt.run()
        except NotOwner:
            # Its partition may be ours all the same, after a stall: then no other worker takes it.
            if job.deliveries:
                return True
            self._jobs.table.release(job)
            return False
        except (FatalLogError, NewerRecord) as error:
            self._fail(error)
            return False
        except LogError as error:
            if isinstance(error, RecordRefused) and job.interrupt is None:
                job.failed_at(error)
            _log.warning("the log failed an attempt", generation=job.generation_id, reason=str(error))
            job.interrupt = None
            return True
        except Exception as error:
            # A fault of ours must not end the other jobs with this one, nor come back for ever by a restart: this job
            # is tried again a few times, and then given up.
            where = "".join(traceback.format_tb(error.__traceback__)[-3:])
            _log.error("an attempt failed", generation=job.generation_id, error=type(error).__name__, where=where)
            job.failed_at(error)
            job.interrupt = None
            return True
        self._letters.served()
        self._jobs.ended(job, committable=attempt.already_ended)
        return False

    def _interrupted(self, job: Job, why: Interrupt) -> bool:
        """What becomes of a job that was stopped from outside. True: it is to be taken up again."""
        job.interrupt = None
        match why:
            case Interrupt.CANCELLED:
                self._jobs.ended(job, committable=False)
            case Interrupt.HANDED_OVER | Interrupt.LOST:
                # Its partition may have come back while it was being stopped, and the job with it.
                if job.deliveries and self._tasks is not None:
                    return True
                self._jobs.table.release(job)
            case Interrupt.BROKEN:
                if isinstance(job.broken, FatalLogError):
                    self._fail(job.broken)
                    return False
                return True
        return False
