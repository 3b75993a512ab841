"""Retries with growing pauses, a limit, and metrics for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from infra.clock import monotonic_s
from infra.runtime.metrics import GIVEN_UP, RETRIES

T = TypeVar("T")


def growing(first_s: float, most_s: float, factor: float = 2.0) -> Iterator[float]:
    """Pauses from `first_s` on, each `factor` times the one before, up to `most_s`. Endless."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(pause_s * factor, most_s)


class Retrying:
    """How one kind of operation is tried again. `operation` is its name in the metrics.

    It is given up at the first failure that comes more than `give_up_s` after it began.
    """

    def __init__(
        self,
        operation: str,
        first_s: float,
        most_s: float,
        give_up_s: float,
        *,
        clock: Callable[[], float] = monotonic_s,
    ) -> None:
        self.first_s = first_s
        self.most_s = most_s
        self.give_up_s = give_up_s
        self.clock = clock
        self.retried = RETRIES.labels(operation).inc
        self.gave_up = GIVEN_UP.labels(operation).inc

    def begin(self) -> Patience:
        """For one operation that begins now."""
        return Patience(self)

    async def run(
        self,
        work: Callable[[], Awaitable[T]],
        on: type[Exception] | tuple[type[Exception], ...],
        failed: Callable[[Exception, float], None] = lambda error, pause_s: None,
    ) -> T:
        """What `work` returns, at its first try or a later one. Raises what it raises, `on` once it is given up.

        `failed` is told of each failure that is followed by another try, and of the pause before it.
        """
        patience = self.begin()
        while True:
            try:
                return await work()
            except on as error:
                pause_s = patience.pause_s()
                if pause_s is None:
                    raise
                failed(error, pause_s)
            await asyncio.sleep(pause_s)


class Patience:
    """With one operation. Ask for a pause after each failure."""

    def __init__(self, policy: Retrying) -> None:
        self._policy = policy
        self._began_s = policy.clock()
        self._pauses = growing(policy.first_s, policy.most_s)

    @property
    def waited_s(self) -> float:
        """Since the operation began."""
        return self._policy.clock() - self._began_s

    def pause_s(self) -> float | None:
        """It failed once more: how long to wait before the next try. None: give it up."""
        if self.waited_s > self._policy.give_up_s:
            self._policy.gave_up()
            return None
        self._policy.retried()
        return next(self._pauses)
