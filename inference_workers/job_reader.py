"""Reads the job topics as a member of the pool's consumer group: a thread polls, a loop works.

Everything about offsets is decided on the loop; the thread only carries it out. Static membership, so that a restarted
worker gets its partitions back within milliseconds (research "takeover").
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as HandOverTimeout
from typing import Protocol

from confluent_kafka import Consumer, Message, TopicPartition

from inference_workers.metrics import BATCHES_AHEAD, CONSUMED, HAND_OVER_LATE
from infra.logging import get_logger
from infra.runtime.bridge import HandOver
from topics.consumer import bounds, group_consumer, next_batch
from topics.errors import LogUnavailable
from topics.group_commits import GroupCommits

Partition = tuple[str, int]

BATCH = 50
POLL_S = 0.1
HAND_OVER_S = 1.0
"""How long a rebalance waits for running jobs to be handed over; a late job is fenced by the next attempt."""

ENDS_S = 2.0
EVERY_JOB = 1 << 62

IN_TOUCH_S = 3.0
"""A member that did not poll for a session's length may have been replaced without having noticed."""

_log = get_logger(__name__)


class JobHandler(Protocol):
    """Called on the loop, in the order in which the things happened."""

    def partitions_assigned(self, ends: Mapping[Partition, int]) -> None:
        """Partitions came; jobs below these offsets may have been delivered before."""
        ...

    def jobs_arrived(self, messages: list[Message]) -> None: ...

    async def partitions_revoked(self, partitions: list[Partition]) -> Mapping[Partition, int]:
        """Partitions go to another member: hand over what runs. Returns the offsets to commit before that."""
        ...

    def partitions_lost(self, partitions: list[Partition]) -> None:
        """Partitions are another member's already: stop, publish nothing, commit nothing."""
        ...


class JobReader:
    """One group member. `failed` ends with the error after which the process must end."""

    def __init__(
        self,
        properties: Mapping[str, str],
        topics: Sequence[str],
        group: str,
        instance: str | None,
        handler: JobHandler,
    ) -> None:
        self._topics = list(topics)
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._assigned = asyncio.Event()
        self._commits = GroupCommits(CONSUMED)
        self._consumer: Consumer = group_consumer(properties, group, instance, on_commit=self._commits.answered)
        self._stop = threading.Event()
        self._hand_over: HandOver[list[Message]] = HandOver(
            self._loop, handler.jobs_arrived, most=2, stop=self._stop, waited=BATCHES_AHEAD
        )
        self._polled_at_s = _boot_clock_s()
        self._pause_wanted = False
        self._paused: set[Partition] = set()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def assigned(self) -> None:
        """Wait for the first assignment (which may be empty)."""
        await self._assigned.wait()

    async def failed(self) -> None:
        """Wait until reading can go on no more; raises what ended it."""
        await asyncio.shield(self._failed)

    @property
    def in_touch(self) -> bool:
        """Whether the group can still take us for its member."""
        return _boot_clock_s() - self._polled_at_s < IN_TOUCH_S

    def pause(self, wanted: bool) -> None:
        """Stop fetching jobs, or go on; polling continues either way."""
        self._pause_wanted = wanted

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit these offsets soon."""
        self._commits.want(offsets)

    async def aclose(self) -> None:
        """Commit what is due and leave. The partitions of a static member stay its own for a session."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 10.0)

    def _run(self) -> None:
        consumer = self._consumer
        try:
            consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stop.is_set():
                self._apply_pause()
                self._commit_due(wait=False)
                batch = next_batch(consumer, BATCH, POLL_S)
                self._polled_at_s = _boot_clock_s()
                if batch:
                    # What is not taken, because this stops, is read again later.
                    self._hand_over.put(batch)
            self._commit_due(wait=True)
        except Exception as error:  # whatever it is: a worker whose thread died silently would look alive and idle
            self._tell_failure(error)
        finally:
            consumer.close()

    def _apply_pause(self) -> None:
        mine = {(place.topic, place.partition) for place in self._consumer.assignment()}
        wanted = mine if self._pause_wanted else set()
        if wanted == self._paused & mine:
            return
        if wanted:
            self._consumer.pause([TopicPartition(*place) for place in wanted])
        else:
            self._consumer.resume([TopicPartition(*place) for place in self._paused & mine])
        self._paused = wanted

    def _commit_due(self, *, wait: bool) -> None:
        self._commits.commit(self._consumer, wait=wait)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        ends = {}
        for place in partitions:
            try:
                high = bounds(consumer, place.topic, place.partition, ENDS_S)[1]
            except LogUnavailable:
                # Not knowing where the partition ends, every job in it may have been delivered before.
                high = EVERY_JOB
            ends[(place.topic, place.partition)] = high
        self._loop.call_soon_threadsafe(self._handler.partitions_assigned, ends)
        self._loop.call_soon_threadsafe(self._assigned.set)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = [(place.topic, place.partition) for place in partitions]
        handed_over = asyncio.run_coroutine_threadsafe(self._revoked(gone), self._loop)
        try:
            offsets = handed_over.result(HAND_OVER_S)
        except HandOverTimeout:
            handed_over.cancel()
            HAND_OVER_LATE()
            _log.warning("hand-over took too long", partitions=len(gone))
        else:
            self._commits.want(offsets)
            self._commit_due(wait=True)
        self._commits.forget(gone)

    async def _revoked(self, gone: list[Partition]) -> Mapping[Partition, int]:
        return await self._handler.partitions_revoked(gone)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = [(place.topic, place.partition) for place in partitions]
        self._commits.forget(gone)
        self._loop.call_soon_threadsafe(self._handler.partitions_lost, gone)

    def _tell_failure(self, error: Exception) -> None:
        def tell() -> None:
            if not self._failed.done():
                self._failed.set_exception(error)

        self._loop.call_soon_threadsafe(tell)


def _boot_clock_s() -> float:
    """A clock that goes on while the machine sleeps: who slept through a session is no owner any more."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
