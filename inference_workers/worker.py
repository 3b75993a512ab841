"""The worker: takes jobs from its pool's topics, streams answers into token-chunks, commits what has its outcome.

    waiting ──slot──▶ running ──end acknowledged──▶ awaiting its outcome ──seen──▶ committable
       ▲                 │
       └── again, later ─┘   the log was away, or the outcome never came

Everything here runs on one event loop; threads only read and produce.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from confluent_kafka import Message

from inference_workers.attempt import Attempt, NotOwner, WorkerContext
from inference_workers.job_reader import JobReader, Partition
from inference_workers.job_table import Delivery, Interrupt, Job, JobTable
from inference_workers.letters import Letters
from inference_workers.metrics import (
    AGAIN,
    CONSUMED,
    ENDED,
    HELD,
    INTERRUPTED,
    LETTERS_FULL,
    RUNNING,
    SLOTS,
    UNCOMMITTED_FULL,
    WAITING,
    WINDOW_FULL,
)
from inference_workers.scheduling import FairQueue
from inference_workers.signals import Signals
from inference_workers.verification import Verification
from infra.clock import monotonic_s
from infra.crash_points import crash_point
from infra.exits import tell_newer
from infra.logging import get_logger
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.generation import GenerationRequested
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.commits import CommitTracker
from topics.errors import FatalLogError, LogError, RecordRefused
from topics.producer import LogProducer

COMMIT_EVERY_S = 0.1
RETRY_S = 1.0
MAX_FAULTS = 4
"""How often a worker fails at a job because of the job itself before it gives it up."""
MAX_UNCOMMITTED = 5000
"""Jobs held, most of them ended and awaiting their outcome, at which reading stops: the recorder is away."""

_log = get_logger(__name__)


class Worker:
    """One worker process' work. `slots`: engine calls at once.

    Wire `signals` to the tails of control and outcomes, give it its reader by `attach`, then `run` it.
    """

    def __init__(self, context: WorkerContext, topics: Catalogue, letters: LogProducer, *, slots: int) -> None:
        self._context = context
        self._topics = topics
        self._letters = Letters(letters, self._fail)
        self._slots = slots
        # Some slots are always out of one user's reach, so that another's first job finds one soon.
        self._queue: FairQueue[Job] = FairQueue(
            window=max(64, 2 * slots), user_limit=max(1, slots - max(1, slots // 8))
        )
        self._jobs = JobTable()
        self._tracker = CommitTracker()
        self._old_below: dict[Partition, int] = {}
        self.signals = Signals(self._jobs, self._finish)
        self._running = 0
        self._full: frozenset[Callable[[], None]] = frozenset()
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: asyncio.TaskGroup | None = None
        self._reader: JobReader | None = None
        SLOTS.set(slots)
        RUNNING.set_function(lambda: self._running)
        WAITING.set_function(lambda: len(self._queue))
        HELD.set_function(lambda: len(self._jobs))
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def attach(self, reader: JobReader, name: str | None = None) -> None:
        """The reader jobs come from; `name` is the worker's own from now on, if it was not known before."""
        self._reader = reader
        if name is not None:
            self._context = replace(self._context, worker=name)

    def still_owner(self, job: Job) -> bool:
        """Whether an attempt may be begun: the job's partition is ours and the group has heard of us lately."""
        reader = self._reader
        return bool(job.deliveries) and reader is not None and reader.in_touch

    # -- work ------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, *, grace_s: float) -> None:
        """Work until `stop`; then let running answers end within `grace_s` and hand over the rest.

        Raises LogError when the log will never take or give anything to this process again.
        """
        verification = Verification(self._jobs, self._context.lookback, self._finish, self._again)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            helpers = [
                tasks.create_task(self._context.lookback.run()),
                tasks.create_task(self._run_commits()),
                tasks.create_task(verification.run()),
                tasks.create_task(self._fail_with(self._failure)),
            ]
            try:
                await stop.wait()
            finally:
                self._draining = True  # however the work ends: a slot that comes free begins nothing new
            await self._drain(grace_s)
            for helper in helpers:
                helper.cancel()

    async def _drain(self, grace_s: float) -> None:
        self._draining = True
        self._pace()
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            _log.info("handing over", running=self._running)
        for job in self._jobs:
            job.stop(Interrupt.HANDED_OVER)
        await self._idle.wait()
        self._commit()

    async def _fail_with(self, failure: asyncio.Future[None]) -> None:
        await failure

    def _pace(self) -> None:
        """Read on, or stop reading: the window bounds what waits, MAX_UNCOMMITTED what has ended."""
        full = frozenset(
            count
            for count, is_reached in (
                (WINDOW_FULL, self._queue.full),
                (UNCOMMITTED_FULL, len(self._jobs) >= MAX_UNCOMMITTED),
                (LETTERS_FULL, self._letters.full),
            )
            if is_reached
        )
        for count in full - self._full:
            count()
        self._full = full
        if self._reader is not None:
            self._reader.pause(self._draining or bool(full))

    def _start_waiting(self) -> None:
        while self._running < self._slots and not self._draining and self._tasks is not None:
            job = self._queue.next()
            if job is None:
                break
            self._running += 1
            self._idle.clear()
            job.task = task = self._tasks.create_task(self._attempt(job))
            task.add_done_callback(partial(self._job_done, job))
        self._pace()

    def _job_done(self, job: Job, task: asyncio.Task[bool]) -> None:
        """Free the slot. Not in the task itself: one that is cancelled before its first step runs none of its code."""
        job.task = None
        self._running -= 1
        self._queue.finished(job.request.turn.user_id)
        if not self._running:
            self._idle.set()
        if task.cancelled():
            INTERRUPTED()
            again = job.interrupt is not None and self._interrupted(job, job.interrupt)
        else:
            again = task.exception() is None and task.result()
            (AGAIN if again else ENDED)()
        if again and not self._draining:
            asyncio.get_running_loop().call_later(RETRY_S, self._again, job)
        self._start_waiting()

    async def _attempt(self, job: Job) -> bool:
        """One attempt. True: the job is to be taken up again."""
        if job.faults >= MAX_FAULTS:
            ended = await self._letters.give_up(job)
            if ended is not None:
                self._ended(job, committable=not ended)
            return ended is None
        if self.signals.was_cancelled(job.generation_id):
            job.old = True  # something ended it before it came: the log knows
        first = job.deliveries[0]
        position = self._topics.position(first.topic, first.partition, first.offset)
        attempt = Attempt(self._context, job, position)
        try:
            await attempt.run()
        except NotOwner:
            # Its partition may be ours all the same, after a stall: then nobody else will work at it.
            if job.deliveries:
                return True
            self._jobs.release(job)
            return False
        except FatalLogError as error:
            self._fail(error)
            return False
        except NewerRecord as error:
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
        self._ended(job, committable=attempt.already_ended)
        return False

    def _interrupted(self, job: Job, why: Interrupt) -> bool:
        """What becomes of a job that was stopped from outside. True: it is to be taken up again."""
        job.interrupt = None
        match why:
            case Interrupt.CANCELLED:
                self._ended(job, committable=False)
            case Interrupt.HANDED_OVER | Interrupt.LOST:
                # Its partition may have come back while it was being stopped, and the job with it.
                if job.deliveries and not self._draining:
                    return True
                self._jobs.release(job)
            case Interrupt.BROKEN:
                if isinstance(job.broken, FatalLogError):
                    self._fail(job.broken)
                    return False
                return True
        return False

    def _ended(self, job: Job, *, committable: bool) -> None:
        """The generation has its end; the job is finished once its outcome is seen (or was, by a look back)."""
        if committable or job.outcome_seen:
            self._finish(job)
        else:
            job.ended_at_s = monotonic_s()

    def _finish(self, job: Job) -> None:
        CONSUMED.handled(len(job.deliveries))
        for delivery in job.deliveries:
            self._tracker.finished(delivery.topic, delivery.partition, delivery.offset, delivery.epoch)
        self._jobs.release(job)

    def _again(self, job: Job) -> None:
        """Take a job up again, looking back first; one that was lost meanwhile is let go."""
        if self._jobs.get(job.generation_id) is not job or self._draining:
            return
        if not job.deliveries:
            self._jobs.release(job)
            return
        job.old, job.ended_at_s = True, None
        self._enqueue(job)
        self._start_waiting()

    def _enqueue(self, job: Job) -> None:
        request = job.request
        self._queue.add(job, user_id=request.turn.user_id, service_class=request.service_class, tier=request.tier)

    # -- what the reader tells (JobHandler) --------------------------------------------------------------------------

    def partitions_assigned(self, ends: Mapping[Partition, int]) -> None:
        self._tracker.assigned(list(ends))
        self._old_below.update(ends)

    def jobs_arrived(self, messages: list[Message]) -> None:
        CONSUMED.batch(len(messages))
        for message in messages:
            self._arrived(message)
        self._start_waiting()

    def _arrived(self, message: Message) -> None:
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        epoch = self._tracker.received(topic, partition, offset)
        if epoch is None:
            return
        delivery = Delivery(topic, partition, offset, epoch)
        try:
            request = decode(message.value() or b"")
            if not isinstance(request, GenerationRequested):
                raise UndecodableRecord(f"{type(request).__name__} does not belong in {topic}")
            if request.turn.tail.partition != self._topics.partition(TOKEN_CHUNKS, request.turn.conversation_id):
                raise UndecodableRecord("the job's tail names a partition that cannot hold its records")
        except NewerRecord as newer:
            if self._tasks is not None:
                self._tasks.create_task(self._pass_or_stop(message, delivery, newer))
            else:
                self._fail(newer)
            return
        except UndecodableRecord as error:
            self._park(message, delivery, error)
            return
        self._letters.is_job()
        known = self._jobs.get(request.turn.generation_id)
        if known is not None:
            known.deliveries.append(delivery)
            return
        old = request.maybe_repeat or offset < self._old_below.get((topic, partition), 0)
        job = Job(request, [delivery], old)
        self._jobs.take(job)
        self._enqueue(job)

    async def partitions_revoked(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        offsets = self._tracker.committable()
        tasks = [job.task for job in self._forget(partitions, Interrupt.HANDED_OVER) if job.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        self._tracker.lost(partitions)
        return offsets

    def partitions_lost(self, partitions: list[Partition]) -> None:
        self._tracker.lost(partitions)
        self._forget(partitions, Interrupt.LOST)

    def _forget(self, partitions: list[Partition], why: Interrupt) -> list[Job]:
        """Drop these partitions' deliveries and the jobs that have no other; returns those that still stop."""
        gone, stopping, waiting = set(partitions), [], set()
        for job in self._jobs:
            job.deliveries[:] = [d for d in job.deliveries if (d.topic, d.partition) not in gone]
            if job.deliveries:
                continue
            if job.task is not None:
                job.stop(why)
                stopping.append(job)
            else:
                waiting.add(id(job))
                self._jobs.release(job)
        self._queue.remove(waiting)
        self._pace()
        return stopping

    # -- upkeep ------------------------------------------------------------------------------------------------------

    async def _run_commits(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            self._commit()

    def _commit(self) -> None:
        offsets = self._tracker.committable()
        if offsets and self._reader is not None:
            crash_point("worker.before_commit")
            self._reader.commit(offsets)
            self._pace()

    async def _pass_or_stop(self, message: Message, delivery: Delivery, newer: NewerRecord) -> None:
        """A record of a newer release ends the worker, un-acknowledged, unless an operator has set it aside."""
        try:
            aside = await asyncio.to_thread(self._context.lookback.is_set_aside, message)
        except LogError as error:
            _log.warning("what is set aside cannot be read", reason=str(error))
            aside = False
        if aside:
            _log.warning("skipped: an operator has set it aside", topic=delivery.topic, offset=delivery.offset)
            self._tracker.finished(delivery.topic, delivery.partition, delivery.offset, delivery.epoch)
            return
        tell_newer(_log, newer, delivery.topic, delivery.partition, delivery.offset)
        self._fail(newer)

    def _park(self, message: Message, delivery: Delivery, error: Exception) -> None:
        """A record that is no job goes to the dead letters; the partition moves on once it is there."""

        def done() -> None:
            self._tracker.finished(delivery.topic, delivery.partition, delivery.offset, delivery.epoch)
            self._commit()

        if self._tasks is not None:
            parking = self._tasks.create_task(self._letters.park(message, delivery, error, done))
            parking.add_done_callback(lambda _: self._pace())

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
