"""A worker's jobs from their delivery to their commit: which wait, which may begin, which are done with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from confluent_kafka import Message

from inference_workers.job_reader import Partition
from inference_workers.job_table import Delivery, Interrupt, Job, JobTable
from inference_workers.metrics import CONSUMED, HELD, WAITING
from inference_workers.picking import Picking
from infra.clock import monotonic_s
from schemas.generation import GenerationRequested
from topics.commits import CommitTracker

MAX_UNCOMMITTED = 5000
"""Jobs held, most of them ended and awaiting their outcome, at which reading stops: the recorder is away."""


class Jobs:
    """`slots`: how many of them run at once."""

    def __init__(self, picking: Picking, *, slots: int) -> None:
        self._picking = picking
        self._window = max(64, 2 * slots)
        self.table = JobTable()
        self._tracker = CommitTracker()
        self.moved = asyncio.Event()
        """Set when there may be something to commit; whoever commits clears it."""
        self._old_below: dict[Partition, int] = {}
        WAITING.set_function(lambda: len(self._picking))
        HELD.set_function(lambda: len(self.table))

    @property
    def window_is_full(self) -> bool:
        """Whether as many wait for a slot as may, beside those of overflow lanes."""
        return len(self._picking) - self._picking.overflow >= self._window

    @property
    def overflow_may_not_come(self) -> bool:
        """Whether there is no room for more of the overflow lanes."""
        return len(self._picking) >= self._window // 2

    @property
    def uncommitted_are_full(self) -> bool:
        """Whether as many are here as may be, most of them ended."""
        return len(self.table) >= MAX_UNCOMMITTED

    def assigned(self, ends: Mapping[Partition, int]) -> None:
        """Partitions came; jobs below these offsets may have been delivered before."""
        self._tracker.assigned(list(ends))
        self._old_below.update(ends)

    def delivered(self, message: Message) -> Delivery | None:
        """A record came; None if its partition is not ours any more."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        epoch = self._tracker.received(topic, partition, offset)
        return None if epoch is None else Delivery(topic, partition, offset, epoch)

    def done_with(self, delivery: Delivery) -> None:
        """Nothing more is to come of this record: its partition may move on."""
        self._tracker.finished(delivery.topic, delivery.partition, delivery.offset, delivery.epoch)
        self.moved.set()

    def take(self, request: GenerationRequested, delivery: Delivery) -> None:
        """A job is ours, and waits. One that is here already gets another delivery."""
        known = self.table.get(request.turn.generation_id)
        if known is not None:
            known.deliveries.append(delivery)
            return
        below = self._old_below.get((delivery.topic, delivery.partition), 0)
        job = Job(request, [delivery], request.maybe_repeat or delivery.offset < below)
        self.table.take(job)
        self._picking.wait(job)

    def next(self) -> Job | None:
        """The job to begin now, counted as running until `stopped`; None if none may begin."""
        return self._picking.next()

    def stopped(self, job: Job) -> None:
        """It runs no more."""
        job.task = None
        self._picking.stopped(job)

    def again(self, job: Job) -> bool:
        """Let a job wait once more, looking back first; one that was lost meanwhile is let go. Whether it waits."""
        if self.table.get(job.generation_id) is not job:
            return False
        if not job.deliveries:
            self.table.release(job)
            return False
        job.old, job.ended_at_s = True, None
        self._picking.wait(job)
        return True

    def ended(self, job: Job, *, committable: bool) -> None:
        """The generation has its end; the job is finished once its outcome is seen (or was, by a look back)."""
        if committable or job.outcome_seen:
            self.finish(job)
        else:
            job.ended_at_s = monotonic_s()

    def finish(self, job: Job) -> None:
        """Its deliveries may be committed."""
        CONSUMED.handled(len(job.deliveries))
        for delivery in job.deliveries:
            self.done_with(delivery)
        self.table.release(job)

    def committable(self) -> dict[Partition, int]:
        """Per partition the offset to commit, where it has moved since the last call."""
        return self._tracker.committable()

    def lost(self, partitions: list[Partition]) -> None:
        """These partitions are another member's: nothing of them is committed any more."""
        self._tracker.lost(partitions)

    def forget(self, partitions: list[Partition], why: Interrupt) -> list[Job]:
        """Drop these partitions' deliveries and the jobs that have no other; returns those that still stop."""
        gone, stopping = set(partitions), []
        for job in self.table:
            job.deliveries[:] = [d for d in job.deliveries if (d.topic, d.partition) not in gone]
            if job.deliveries:
                continue
            if job.task is not None:
                job.stop(why)
                stopping.append(job)
            else:
                self._picking.left(job)
                self.table.release(job)
        return stopping
