"""The worker: takes jobs from its pool's topics, streams answers into token-chunks, commits what has its outcome.

    waiting ──slot──▶ running ──end acknowledged──▶ awaiting its outcome ──seen──▶ committable
       ▲                 │
       └── again, later ─┘   the log was away, or the outcome never came

Records come in by `intake`, wait in `jobs` and run in `slots`; here is what starts, paces, commits and ends them.
Everything runs on one event loop; threads only read and produce.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from confluent_kafka import Message

from inference_workers.attempt import WorkerContext
from inference_workers.inheriting import Inheriting
from inference_workers.intake import Intake
from inference_workers.job_reader import JobReader, Partition
from inference_workers.job_table import Interrupt, Job
from inference_workers.jobs import Jobs
from inference_workers.letters import Letters
from inference_workers.metrics import CONSUMED, LETTERS_FULL, UNCOMMITTED_FULL, WINDOW_FULL
from inference_workers.picking import Picking
from inference_workers.signals import Signals
from inference_workers.slots import Slots
from inference_workers.verification import Verification
from infra.crash_points import crash_point
from infra.ids import draw_attempt_id
from infra.logging import get_logger
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.fairness.flows import Rules
from topics.producer import LogProducer

COMMIT_EVERY_S = 0.1

_log = get_logger(__name__)


class Worker:
    """One worker process' work. `rules`: how many engine calls at once, and whose are next.

    Wire `signals` to the tails of control and outcomes, give it its reader by `attach`, then `run` it.
    """

    def __init__(self, context: WorkerContext, topics: Catalogue, letters: LogProducer, *, rules: Rules) -> None:
        slots = rules.slots
        self._lookback = context.lookback
        self._letters = Letters(letters, self._fail)
        picking = Picking(draw_attempt_id(), rules, context.outlet)
        self._jobs = Jobs(picking, slots=slots)
        self._inheriting = Inheriting(picking, context.lookback, topics[TOKEN_CHUNKS].partitions)
        self.signals = Signals(self._jobs.table, self._jobs.finish)
        self._slots = Slots(
            context,
            topics,
            self._jobs,
            self._letters,
            slots=slots,
            was_cancelled=self.signals.was_cancelled,
            fail=self._fail,
            changed=self._pace,
        )
        self._intake = Intake(
            topics,
            self._jobs,
            self._letters,
            is_set_aside=context.lookback.is_set_aside,
            fail=self._fail,
            moved=self._moved,
        )
        self._full: frozenset[Callable[[], None]] = frozenset()
        self._draining = False
        self._reader: JobReader | None = None
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def attach(self, reader: JobReader, name: str | None = None) -> None:
        """The reader jobs come from; `name` is the worker's own from now on, if it was not known before."""
        self._reader = reader
        if name is not None:
            self._slots.named(name)

    def still_owner(self, job: Job) -> bool:
        """Whether an attempt may be begun: the job's partition is ours and the group has heard of us lately."""
        reader = self._reader
        return bool(job.deliveries) and reader is not None and reader.in_touch

    async def run(self, stop: asyncio.Event, *, grace_s: float) -> None:
        """Work until `stop`; then let running answers end within `grace_s` and hand over the rest.

        Raises LogError when the log will never take or give anything to this process again.
        """
        verification = Verification(self._jobs.table, self._lookback, self._jobs.finish, self._slots.again)
        async with asyncio.TaskGroup() as tasks:
            self._intake.open(tasks)
            self._slots.open(tasks)
            helpers = [
                tasks.create_task(self._inheriting.run()),
                tasks.create_task(self._lookback.run()),
                tasks.create_task(self._run_commits()),
                tasks.create_task(verification.run()),
                tasks.create_task(self._failed()),
            ]
            try:
                await stop.wait()
            finally:
                self._draining = True  # however the work ends
                self._slots.close()
            await self._drain(grace_s)
            for helper in helpers:
                helper.cancel()

    async def _drain(self, grace_s: float) -> None:
        self._pace()
        try:
            async with asyncio.timeout(grace_s):
                await self._slots.idle.wait()
        except TimeoutError:
            _log.info("handing over", running=self._slots.running)
        for job in self._jobs.table:
            job.stop(Interrupt.HANDED_OVER)
        await self._slots.idle.wait()
        self._commit()

    def _pace(self) -> None:
        """Read on, or stop reading: the window bounds what waits, MAX_UNCOMMITTED what has ended."""
        full = frozenset(
            count
            for count, is_reached in (
                (WINDOW_FULL, self._jobs.window_is_full),
                (UNCOMMITTED_FULL, self._jobs.uncommitted_are_full),
                (LETTERS_FULL, self._letters.full),
            )
            if is_reached
        )
        for count in full - self._full:
            count()
        self._full = full
        if self._reader is not None:
            self._reader.pause(self._draining or bool(full), self._jobs.overflow_may_not_come)

    # -- what the reader tells (JobHandler) --------------------------------------------------------------------------

    def partitions_assigned(self, ends: Mapping[Partition, int]) -> None:
        self._jobs.assigned(ends)
        self._inheriting.came(ends)

    def jobs_arrived(self, messages: list[Message]) -> None:
        CONSUMED.batch(len(messages))
        for message in messages:
            self._intake.arrived(message)
        self._slots.start_waiting()

    async def partitions_revoked(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        offsets = self._jobs.committable()
        tasks = [job.task for job in self._forget(partitions, Interrupt.HANDED_OVER) if job.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        self._jobs.lost(partitions)
        return offsets

    def partitions_lost(self, partitions: list[Partition]) -> None:
        self._jobs.lost(partitions)
        self._forget(partitions, Interrupt.LOST)

    def _forget(self, partitions: list[Partition], why: Interrupt) -> list[Job]:
        stopping = self._jobs.forget(partitions, why)
        self._pace()
        return stopping

    # -- upkeep ------------------------------------------------------------------------------------------------------

    async def _run_commits(self) -> None:
        while True:
            await self._jobs.moved.wait()
            await asyncio.sleep(COMMIT_EVERY_S)
            self._jobs.moved.clear()
            self._commit()

    def _commit(self) -> None:
        offsets = self._jobs.committable()
        if offsets and self._reader is not None:
            crash_point("worker.before_commit")
            self._reader.commit(offsets)
            self._pace()

    def _moved(self) -> None:
        self._commit()
        self._pace()

    async def _failed(self) -> None:
        await self._failure

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
