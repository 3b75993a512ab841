"""Acknowledges in order what finishes in any order. Pure.

Faust 0.15.3 commits past an unfinished record when a later one is acknowledged first (faust-streaming #606), so an
event is acknowledged only when all earlier ones of its partition are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Entry(Generic[T]):
    __slots__ = ("done", "item", "lane")

    def __init__(self, item: T, lane: deque[_Entry[T]]) -> None:
        self.item = item
        self.lane = lane
        self.done = False


class OrderedAcks(Generic[T]):
    """Calls `acknowledge` once an item, in the order of `opened`, as soon as it and all before it are finished.

    Items are ordered within their partition. `opened` with a newer assignment of a partition forgets the older one's
    items: their records are delivered again.
    """

    def __init__(self, acknowledge: Callable[[T], None]) -> None:
        self._acknowledge = acknowledge
        self._lanes: dict[Hashable, tuple[int, deque[_Entry[T]]]] = {}

    def opened(self, partition: Hashable, assignment: int, item: T) -> Callable[[], None]:
        """Work on `item` begins. Returns what to call when it is finished; calling it again does nothing."""
        known = self._lanes.get(partition)
        if known is None or known[0] != assignment:
            known = self._lanes[partition] = (assignment, deque())
        lane = known[1]
        entry = _Entry(item, lane)
        lane.append(entry)

        def finish() -> None:
            entry.done = True
            if lane and lane[0].done and self._lanes[partition][1] is lane:
                self._release(lane)

        return finish

    def unfinished(self) -> int:
        """Items that are not acknowledged yet."""
        return sum(len(lane) for _, lane in self._lanes.values())

    def _release(self, lane: deque[_Entry[T]]) -> None:
        while lane and lane[0].done:
            self._acknowledge(lane.popleft().item)
