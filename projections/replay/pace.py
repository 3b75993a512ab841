"""How fast a rebuild may go: it looks now and then at what the log gets from others meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.clock import monotonic_s
from topics.catalogue import TOKEN_CHUNKS
from topics.cuts import Cut, TopicPartition

LOOK_EVERY_S = 2.0
GENTLE_ROWS_S = 5000
"""Rows a second while answers are streamed. The store's part of the work has no lower priority to go by."""

Ends = Callable[[Mapping[str, int]], Cut]
"""The end offsets of these topics (name: partitions)."""


class Pace:
    """What others append: the lag of the cut, and whether somebody is being answered. For one thread."""

    def __init__(self, ends: Ends, partitions: Mapping[str, int], cut: Cut, max_rate: int | None) -> None:
        """`partitions`: of all topics; `max_rate`: what the operator asked for, which counts alone then."""
        self._ends = ends
        self._cut = cut
        wanted = {topic for topic, _ in cut} | {TOKEN_CHUNKS}
        self._partitions = {topic: count for topic, count in partitions.items() if topic in wanted}
        self._max_rate = max_rate
        self._chunks: dict[TopicPartition, int] | None = None
        self._looked_s = float("-inf")
        # Until it is known, as if somebody were.
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
