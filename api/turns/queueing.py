"""The queues of the worker pools, looked at once a second while somebody asks: what is refused, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Protocol

from api.consistency.ports import LogEnds
from api.http.errors import ApiError
from api.streaming.readers import Reader
from api.turns.queue_figures import PoolFigures, Queue, too_long
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.tiers.tier import Tier
from topics.catalogue import Catalogue, jobs_topics
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable

EVERY_S = 1.0
IDLE_S = 10.0
"""How long the queues are looked at after the last request."""
MAX_RETRY_AFTER_S = 3600

_log = get_logger(__name__)


class QueueFull(ApiError):
    """The queue is longer than the caller's tier is promised; nothing was recorded."""

    def __init__(self, model_id: str, queue: Queue, again_s: float) -> None:
        wait = "an unknown time" if queue.wait_s is None else f"about {ceil(queue.wait_s)} s"
        super().__init__(
            503,
            f"{queue.waiting} requests wait for '{model_id}', which takes {wait}: more than your tier is promised. "
            "Please retry later, or use another model.",
            code="queue_full",
            headers={"Retry-After": str(min(max(ceil(again_s), 1), MAX_RETRY_AFTER_S))},
        )


class Read(Protocol):
    """What a Fleet reads: committed offsets by partition and group, workers by pool."""

    @property
    def committed(self) -> Mapping[TopicPartition, Mapping[str, int]]: ...

    @property
    def workers(self) -> Mapping[str, Sequence[str]]: ...


class Groups(Protocol):
    """The broker, asked for its groups."""

    async def readings(self) -> Read:
        """Raises LogUnavailable, TimeoutError."""


class Queues:
    """`slots`: how many answers a worker gives at once, as this process's settings say."""

    def __init__(self, pools: Sequence[str], topics: Catalogue, ends: LogEnds, groups: Groups, slots: int) -> None:
        self._topics = topics
        self._ends = ends
        self._groups = groups
        self._slots = slots
        self._pools = {pool: PoolFigures() for pool in pools}
        self.listeners: dict[Reader, None] = {}
        """Readers that are woken after each look; those of answers that have not begun."""
        self._wanted = asyncio.Event()
        self._asked_at_s = 0.0

    def want(self) -> None:
        """Look at the queues for a while."""
        self._asked_at_s = monotonic_s()
        self._wanted.set()

    def of(self, pool: str) -> Queue:
        """The queue of a pool as it was at the last look."""
        return self._pools[pool].queue(monotonic_s()) if pool in self._pools else Queue(0, None)

    def all(self) -> dict[str, Queue]:
        """The queues by pool."""
        return {pool: self.of(pool) for pool in self._pools}

    def admit(self, model_id: str, pool: str, tier: Tier, count: int = 1) -> None:
        """Requests for a model are about to be recorded. Raises QueueFull where they would wait too long."""
        self.want()
        queue = self.of(pool)
        again_s = too_long(queue, tier.longest_wait_s)
        if again_s is not None:
            raise QueueFull(model_id, queue, again_s)
        if pool in self._pools:
            for _ in range(count):
                self._pools[pool].admitted()

    async def run(self) -> None:
        """Look at the queues while somebody asks. Until cancelled."""
        while True:
            await self._wanted.wait()
            if monotonic_s() - self._asked_at_s > IDLE_S and not self.listeners:
                self._wanted.clear()
                continue
            try:
                await self.look()
            except (LogUnavailable, TimeoutError) as error:
                _log.warning("the queues cannot be looked at", reason=str(error))
            for reader in tuple(self.listeners):
                reader.wake()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once. Raises LogUnavailable, TimeoutError."""
        read = await self._groups.readings()
        for pool, figures in self._pools.items():
            group, committed, end = f"verbatim-workers-{pool}", 0, 0
            for topic in jobs_topics(pool):
                if topic not in self._topics.specs:
                    continue
                newest = await self._ends.newest(topic)
                for place, offset in newest.items():
                    at = read.committed.get(place, {}).get(group)
                    # A group that has committed nothing of a partition begins with its first record.
                    committed += 0 if at is None else min(at, offset + 1)
                    end += offset + 1
            workers = max(len(read.workers.get(pool, ())), 1)
            figures.sampled(monotonic_s(), committed=committed, end=end, slots=workers * self._slots)
