"""Reads the job topics as a member of the pool's consumer group, for a worker on its event loop.

Everything about offsets is decided on the loop; the reader's thread only carries it out. Static membership, so that a
restarted worker gets its partitions back within milliseconds (research "takeover").
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from confluent_kafka import Message

from inference_workers.metrics import BATCHES_AHEAD, CONSUMED, HAND_OVER_LATE
from infra.clock import boot_clock_s
from infra.logging import get_logger
from infra.runtime.bridge import NotDone
from topics.catalogue import OVERFLOW
from topics.consumer import bounds, group_consumer
from topics.errors import LogUnavailable
from topics.loop_reader import LoopReader

Partition = tuple[str, int]

BATCH = 50
POLL_S = 0.2
MAX_AHEAD = 2
"""Batches that the loop has not taken."""

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
        self._handler = handler
        self._overflow = frozenset(str(topic) for topic in topics if topic.endswith(f".{OVERFLOW}"))
        self._assigned = asyncio.Event()
        self._reader = LoopReader(
            lambda on_commit: group_consumer(properties, group, instance, on_commit=on_commit),
            topics,
            self,
            CONSUMED,
            name="jobs",
            most=BATCH,
            poll_s=POLL_S,
            ahead=MAX_AHEAD,
            waited=BATCHES_AHEAD,
        )

    def start(self) -> None:
        """Join the group. Once."""
        self._reader.start()

    async def assigned(self) -> None:
        """Wait for the first assignment (which may be empty)."""
        await self._assigned.wait()

    async def failed(self) -> None:
        """Wait until reading can go on no more; raises what ended it."""
        await self._reader.failed()

    @property
    def in_touch(self) -> bool:
        """Whether the group can still take us for its member."""
        return boot_clock_s() - self._reader.group.polled_at_s < IN_TOUCH_S

    def pause(self, wanted: bool, overflow: bool) -> None:
        """Stop fetching jobs (`overflow`: those of overflow lanes), or go on; polling continues either way."""
        self._reader.group.pause_topics(self._overflow if overflow else frozenset())
        self._reader.group.pause(wanted)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit these offsets soon."""
        self._reader.group.commits.want(offsets)

    async def aclose(self) -> None:
        """Commit what is due and leave. The partitions of a static member stay its own for a session."""
        await self._reader.aclose()

    # -- what the reader tells (LoopUser) ----------------------------------------------------------------------------

    def on_batch(self, epoch: int, batch: list[Message]) -> None:
        self._reader.free()
        self._handler.jobs_arrived(batch)

    def on_torn(self, batch: list[Message]) -> list[Message]:
        """All of it: assignment is cooperative, and the handler knows which partitions are its own."""
        return batch

    def on_assigned(self, places: list[Partition]) -> None:
        self._reader.tell(self._handler.partitions_assigned, {place: self._end_of(place) for place in places})
        self._reader.tell(self._assigned.set)

    def on_revoked(self, places: list[Partition]) -> None:
        async def hand_over() -> Mapping[Partition, int]:
            return await self._handler.partitions_revoked(places)

        try:
            # After a stop too: the client lets go of its partitions last.
            offsets = self._reader.ask(hand_over, within_s=HAND_OVER_S, also_stopping=True)
        except NotDone:
            HAND_OVER_LATE()
            _log.warning("hand-over took too long", partitions=len(places))
        else:
            self._reader.group.commits.want(offsets)

    def on_lost(self, places: list[Partition]) -> None:
        self._reader.tell(self._handler.partitions_lost, places)

    def _end_of(self, place: Partition) -> int:
        try:
            return bounds(self._reader.group.consumer, *place, ENDS_S)[1]
        except LogUnavailable:
            # Not knowing where the partition ends, every job in it may have been delivered before.
            return EVERY_JOB
