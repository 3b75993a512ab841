"""Limits the speed of a rebuild or verification while other traffic runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from infra.clock import monotonic_s
from topics.catalogue import TOKEN_CHUNKS
from topics.cuts import Cut, TopicPartition

LOOK_EVERY_S = 2.0
GENTLE_ROWS_S = 500
"""Rows a second, written or read, while answers are streamed. The store's part of the work has no lower priority to go
by, and a row costs it 0.1 to 0.2 ms."""
LONGEST_SLEEP_S = 0.5
# How far who was held up may run ahead afterwards.
_CATCH_UP_S = 0.1

Ends = Callable[[Mapping[str, int]], Cut]
"""The end offsets of these topics (name: partitions)."""


class Pace:
    """What others append: the lag of the cut, and whether answers are streaming. For one thread."""

    def __init__(self, ends: Ends, partitions: Mapping[str, int], cut: Cut, max_rate: int | None) -> None:
        """`partitions`: of all topics; `max_rate`: what the operator asked for, which counts alone then."""
        self._ends = ends
        self._cut = cut
        wanted = {topic for topic, _ in cut} | {TOKEN_CHUNKS}
        self._partitions = {topic: count for topic, count in partitions.items() if topic in wanted}
        self._max_rate = max_rate
        self._chunks: dict[TopicPartition, int] | None = None
        self._looked_s = float("-inf")
        # Until it is known, assume that they are.
        self._streaming = True
        self.lag = 0

    def look(self) -> None:
        """Look again, if the last time is long enough ago. Raises LogUnavailable."""
        if monotonic_s() - self._looked_s < LOOK_EVERY_S:
            return
        end = self._ends(self._partitions)
        self._looked_s = monotonic_s()
        self.lag = sum(max(0, end[place] - at) for place, at in self._cut.items())
        chunks = {place: at for place, at in end.items() if place[0] == TOKEN_CHUNKS}
        self._streaming = chunks != self._chunks
        self._chunks = chunks

    @property
    def rate(self) -> int | None:
        """Rows a second; None: as many as there can be."""
        if self._max_rate is not None:
            return self._max_rate
        return GENTLE_ROWS_S if self._streaming else None


class Allowance:
    """When the next rows may go, at so many a second. Pure: the time is told, in seconds of one clock."""

    def __init__(self) -> None:
        self._due_s = float("-inf")

    def spend(self, rows: int, rate: int | None, now_s: float) -> None:
        """Take note of `rows` that go now. `rate` None: there is no limit."""
        earliest_s = now_s - _CATCH_UP_S
        self._due_s = earliest_s if rate is None else max(self._due_s, earliest_s) + rows / rate

    def wait_s(self, now_s: float) -> float:
        """What is left to wait, 0 or more."""
        return max(0.0, self._due_s - now_s)


class Rests:
    """Holds a reader of rows to a pace. For one task."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._allowance = Allowance()

    async def after(self, rows: int, check: Callable[[], None]) -> None:
        """Wait as long as the pace wants it after so many rows; `check` is called meanwhile, and raises what ends the
        wait. Raises LogUnavailable.
        """
        await asyncio.to_thread(self._pace.look)
        self._allowance.spend(rows, self._pace.rate, monotonic_s())
        while wait_s := self._allowance.wait_s(monotonic_s()):
            await asyncio.sleep(min(wait_s, LONGEST_SLEEP_S))
            check()
