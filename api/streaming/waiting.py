"""Bounded waits for news from a source."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from api.streaming.endings import Ending
from api.streaming.sources import Source
from infra.clock import monotonic_s


class Wakeup:
    """A listener for one who waits with a limit."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def woken_within(self, at_most_s: float) -> bool:
        """Wait for the next wake-up; False if none came in time."""
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._woken.wait()
        return self._woken.is_set()


async def grown_within(source: Source, at_most_s: float, enough: Callable[[], bool]) -> None:
    """Wait, bounded, until `enough` or until the source has ended. Raises what made the source lose its way."""
    wakeup = Wakeup()
    source.listen(wakeup)
    try:
        until_s = monotonic_s() + at_most_s
        while source.lost is None and source.ending is None and not enough():
            left_s = until_s - monotonic_s()
            if left_s <= 0 or not await wakeup.woken_within(left_s):
                return
    finally:
        source.leave(wakeup)
    if source.lost is not None:
        raise source.lost


async def ended_within(source: Source, at_most_s: float) -> Ending | None:
    """The source's ending, waited for; None if it has none by then. Raises what made the source lose its way."""
    await grown_within(source, at_most_s, lambda: False)
    return source.ending
