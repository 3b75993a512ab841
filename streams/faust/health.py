"""Health of an agent's process: checked from its event loop, shown by a life sign.

A consumer that has silently stopped is a known failure of this kind of process (research "streaming" §2), so the
beats stop when there is something to read and nothing comes, or when commits do not follow the acknowledgements.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from infra.clock import monotonic_s
from infra.lifesign import CALM_INTERVAL_S
from infra.logging import get_logger
from streams.faust.driver import GroupConsumer
from streams.progress import Stuck
from topics.errors import LogUnavailable

NOT_YET_S = 0.1
"""How soon the first assignment, with which the process is ready, is seen."""
LOOK_S = 5.0
STUCK_S = 30.0

_log = get_logger(__name__)


class StreamState(Protocol):
    """What is asked of the application."""

    rebalancing: bool

    @property
    def consumer(self) -> GroupConsumer: ...


class Beating(Protocol):
    """Where signs of life are given."""

    def beat(self) -> None: ...


class Health:
    """Looks at a consumer every LOOK_S."""

    def __init__(self, consumer: GroupConsumer) -> None:
        self._consumer = consumer
        self._stuck = Stuck(STUCK_S)
        self._answered_s = monotonic_s()
        self._rebalance_began_s: float | None = None
        self.complaints: list[str] = []

    async def look(self, busy: bool, rebalancing: bool) -> None:
        """Ask the broker how far the log is and compare."""
        now_s = monotonic_s()
        self._rebalance_began_s = (self._rebalance_began_s or now_s) if rebalancing else None
        complaints = []
        if self._rebalance_began_s is not None and now_s - self._rebalance_began_s > 2 * STUCK_S:
            complaints.append("a rebalance does not end")
        try:
            seen = await self._consumer.progress()
            self._answered_s = now_s
            if not rebalancing:
                complaints += self._stuck.look(seen, busy, now_s)
        except LogUnavailable as error:
            if now_s - self._answered_s > STUCK_S:
                complaints.append(f"the broker does not answer: {error}")
        if complaints and complaints != self.complaints:
            _log.error("unhealthy: no more signs of life", complaints=complaints)
        self.complaints = complaints


async def run_beats(app: StreamState, busy: Callable[[], bool], sign: Beating) -> None:
    """Beat until cancelled, from the first assignment on, while there is nothing to complain of.

    A look waits for the broker's answer; the beats do not wait for the look.
    """
    health: Health | None = None
    looking: asyncio.Task[None] | None = None
    looked_s = 0.0
    async with asyncio.TaskGroup() as tasks:
        while True:
            consumer = app.consumer
            if health is None and consumer.was_assigned:
                health = Health(consumer)
            if health is not None:
                if (looking is None or looking.done()) and monotonic_s() - looked_s >= LOOK_S:
                    looked_s = monotonic_s()
                    looking = tasks.create_task(health.look(busy(), app.rebalancing))
                if not health.complaints:
                    sign.beat()
            await asyncio.sleep(NOT_YET_S if health is None else CALM_INTERVAL_S)
