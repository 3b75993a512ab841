"""Runs work of different keys concurrently and work of one key in order, within a limit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

from infra.runtime.metrics import bound

_full = bound("agents.in_flight")

Work = Callable[[], Awaitable[None]]


class Lanes:
    """A lane a key. Errors of the work end the task group, which is the caller's."""

    def __init__(self, group: asyncio.TaskGroup, most: int) -> None:
        self._group = group
        self._free = asyncio.Semaphore(most)
        self._waiting: dict[Hashable, deque[Work]] = {}

    async def submit(self, key: Hashable, work: Work) -> None:
        """Take `work`, waiting first while `most` pieces are under way or waiting."""
        if self._free.locked():
            _full()
        await self._free.acquire()
        lane = self._waiting.get(key)
        if lane is not None:
            lane.append(work)
            return
        self._waiting[key] = deque((work,))
        self._group.create_task(self._run(key))

    async def _run(self, key: Hashable) -> None:
        lane = self._waiting[key]
        while lane:
            await lane[0]()
            lane.popleft()
            self._free.release()
        del self._waiting[key]
