"""Deadlines of an engine call, without a timer per token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inference_workers.ports import Deadline, EngineTimeout
from infra.models.catalogue import Deadlines


class DeadlineWatch:
    """Calls `on_expired` once, on the loop, when a deadline passes. `close` it in a finally."""

    def __init__(self, deadlines: Deadlines, on_expired: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._on_expired = on_expired
        self._start = self._last = self._loop.time()
        self._first_seen = False
        self.expired: EngineTimeout | None = None
        self._timer = self._loop.call_at(self._due()[0], self._look)

    def touch(self) -> None:
        """A token came."""
        self._last = self._loop.time()
        if not self._first_seen:
            self._first_seen = True
            self._timer.cancel()
            self._timer = self._loop.call_at(self._due()[0], self._look)

    def alive(self) -> None:
        """A life sign that is not a token: restarts the wait for the first token, up to the total deadline."""
        if not self._first_seen:
            self._last = self._loop.time()

    def close(self) -> None:
        self._timer.cancel()

    def remaining_s(self) -> float:
        """Seconds to the nearest deadline, at least a millisecond."""
        return max(self._due()[0] - self._loop.time(), 0.001)

    def _due(self) -> tuple[float, Deadline, float]:
        limits = self._deadlines
        total: tuple[float, Deadline, float] = (self._start + limits.total_s, "total", limits.total_s)
        if self._first_seen:
            return min(total, (self._last + limits.inter_token_s, "inter_token", limits.inter_token_s))
        return min(total, (self._last + limits.first_token_s, "first_token", limits.first_token_s))

    def _look(self) -> None:
        due, deadline, limit_s = self._due()
        if self._loop.time() + 0.001 >= due:
            self.expired = EngineTimeout(deadline, limit_s)
            self._on_expired()
        else:
            self._timer = self._loop.call_at(due, self._look)
