"""Chooses the next job: weighted fair queueing over (service class, tier, user) in a bounded window. Pure.

Every flow gets its share of starts by weight, however long its backlog; a flow that was idle owes and is owed nothing.
One user never holds all slots, so another's first job always finds one soon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

CLASS_WEIGHTS: Mapping[str, float] = {"interactive": 8.0, "background": 1.0}
TIER_WEIGHTS: Mapping[str, float] = {}
"""Weights by tier name; a tier that is not named weighs 1."""

T = TypeVar("T")
FlowKey = tuple[str, str, str]


@dataclass(slots=True)
class _Flow(Generic[T]):
    weight: float
    waiting: deque[tuple[float, float, T]] = field(default_factory=deque)  # (start tag, finish tag, job)
    last_finish: float = 0.0


class FairQueue(Generic[T]):
    """Jobs that wait for a slot.

    `window`: how many may wait; the reader stops reading at it. `user_limit`: how many of one user may run at once.
    """

    def __init__(self, window: int, user_limit: int, tier_weights: Mapping[str, float] = TIER_WEIGHTS) -> None:
        self._window = window
        self._user_limit = user_limit
        self._tier_weights = tier_weights
        self._flows: dict[FlowKey, _Flow[T]] = {}
        self._running: dict[str, int] = {}
        self._virtual = 0.0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def full(self) -> bool:
        """Whether the window is used up."""
        return self._waiting >= self._window

    def add(self, job: T, *, user_id: str, service_class: str, tier: str) -> None:
        """A job waits. More than the window are taken as well: the reader stops with a delay."""
        key = (service_class, tier, user_id)
        flow = self._flows.get(key)
        if flow is None:
            weight = CLASS_WEIGHTS.get(service_class, 1.0) * self._tier_weights.get(tier, 1.0)
            flow = self._flows[key] = _Flow(weight)
        start = max(self._virtual, flow.last_finish)
        flow.last_finish = start + 1.0 / flow.weight
        flow.waiting.append((start, flow.last_finish, job))
        self._waiting += 1

    def next(self) -> T | None:
        """The job to start now, counted as running; None if none may start."""
        best: FlowKey | None = None
        best_finish = 0.0
        for key, flow in self._flows.items():
            if not flow.waiting or self._running.get(key[2], 0) >= self._user_limit:
                continue
            finish = flow.waiting[0][1]
            if best is None or finish < best_finish:
                best, best_finish = key, finish
        if best is None:
            return None
        start, _, job = self._flows[best].waiting.popleft()
        self._virtual = max(self._virtual, start)
        self._waiting -= 1
        self._running[best[2]] = self._running.get(best[2], 0) + 1
        self._forget_idle(best)
        return job

    def finished(self, user_id: str) -> None:
        """A running job of this user gave its slot back."""
        left = self._running.get(user_id, 0) - 1
        if left > 0:
            self._running[user_id] = left
        else:
            self._running.pop(user_id, None)

    def remove(self, unwanted: set[int]) -> list[T]:
        """Take out waiting jobs by `id()` of the object; returns them."""
        removed: list[T] = []
        for flow in self._flows.values():
            kept = deque(entry for entry in flow.waiting if id(entry[2]) not in unwanted)
            removed += [entry[2] for entry in flow.waiting if id(entry[2]) in unwanted]
            flow.waiting = kept
        self._waiting -= len(removed)
        return removed

    def _forget_idle(self, key: FlowKey) -> None:
        """A flow without waiting jobs whose tags the virtual time has passed is as good as new."""
        flow = self._flows[key]
        if not flow.waiting and flow.last_finish <= self._virtual:
            del self._flows[key]
        if len(self._flows) > 4 * self._window:
            idle = [k for k, f in self._flows.items() if not f.waiting]
            for k in idle:
                del self._flows[k]
