"""Weighted fair queueing by work as served. Pure: the same inputs lead to the same picks, in a worker and in a replay.

Each flow has a counter of the work it was served, by its weight: a job's prompt when it starts, its answer as the log
accepts it. The next job is that of the flow that was served least. After Virtual Token Counter (arXiv 2401.00588):

- A flow that begins to wait, or comes below its user's limit again, is lifted to where the last fair pick was: idle
  time earns nothing.
- `aged`: where the lowest band has got less than its share since it began to wait, the pick is of it.
- `held_back`: in a slot that is held back only light users are served: who has nothing running, no backlog, and nothing
  in an overflow lane.

So between two users of one class and tier who both wait below their limit, what they are served differs by
2 * max(input_weight * L, output_weight * M) at most: L tokens has the longest prompt, M all that one user's running
jobs may hold.

What changes between two picks (jobs that come and go, slots that come free, output) may come in any order: counters are
lifted at picks alone. A pick costs O(log n) for n flows that wait; one into a slot that is held back O(n).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Generic, Literal, TypeVar

from topics.fairness.flows import LIGHT_WAITING, SHARE_SCALE, Flow, Rules

Reason = Literal["fair", "aged", "held_back"]
Band = tuple[str, str]
T = TypeVar("T")


@dataclass(slots=True)
class Waiting(Generic[T]):
    """A job that waits. `work`: what its start is charged."""

    job: T
    flow: Flow
    work: int
    overflow: bool = False
    arrival: int = 0


@dataclass(frozen=True, slots=True)
class Picked(Generic[T]):
    """A pick. `charged`: the flow's counter before it; `floor`: where the last fair pick before it was."""

    job: T
    flow: Flow
    reason: Reason
    number: int
    charged: int
    work: int
    weight_milli: int
    floor: int


@dataclass(slots=True)
class _State(Generic[T]):
    """The counter is kept as work since it was last lifted: however work is added up, it comes to the same."""

    weight_milli: int
    base: int = 0
    work: int = 0
    waiting: deque[Waiting[T]] = field(default_factory=deque)
    settled: bool = False
    """Whether it waited below its limit at the last pick."""
    queued: bool = False
    """Whether its band's heap holds it."""

    in_turn: bool = True
    """Whether its last pick was into a slot that all may have."""

    @property
    def counter(self) -> int:
        """What the flow was served, in units of its share."""
        return self.base + self.work * SHARE_SCALE // self.weight_milli

    def lift(self, floor: int) -> None:
        """To `floor` at least."""
        if self.counter < floor:
            self.base, self.work = floor, 0


class FairQueue(Generic[T]):
    """Jobs that wait for a slot, and the counters of their flows. `next` picks; `finished` frees the slot of a pick."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.number = 0
        """Of the last pick."""
        self.floor = 0
        self.running = 0
        self._flows: dict[Flow, _State[T]] = {}
        self._of_user: dict[str, set[Flow]] = {}
        self._running: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._heaps: dict[Band, list[tuple[int, int, Flow]]] = {}
        self._touched: set[Flow] = set()
        self._arrivals = 0
        self._total = 0
        self._served: dict[Band, int] = {}
        self._total_served = 0
        self._owed: tuple[Band, int, int] | None = None

    def __len__(self) -> int:
        return self._total

    def __iter__(self) -> Iterator[Waiting[T]]:
        for state in self._flows.values():
            yield from state.waiting

    # -- what happens between picks ----------------------------------------------------------------------------------

    def add(self, job: T, flow: Flow, work: int, *, overflow: bool = False) -> Waiting[T]:
        """A job waits. `work`: what its start is charged."""
        self._arrivals += 1
        waiting = Waiting(job, flow, work, overflow, self._arrivals)
        self._state(flow).waiting.append(waiting)
        self._waiting[flow.user_id] = self._waiting.get(flow.user_id, 0) + 1
        self._touched.add(flow)
        self._total += 1
        return waiting

    def remove(self, waiting: Waiting[T]) -> None:
        """A waiting job is not to be started."""
        self._state(waiting.flow).waiting.remove(waiting)
        self._left(waiting)
        self._touched.add(waiting.flow)

    def served(self, flow: Flow, tokens: int) -> None:
        """The log has accepted more output of a flow's job."""
        work = max(tokens, 0) * self.rules.output_weight
        self._charge(flow, self._state(flow), work)

    def finished(self, user_id: str) -> None:
        """A pick of this user gave its slot back."""
        self.running -= 1
        left = self._running.get(user_id, 0) - 1
        if left > 0:
            self._running[user_id] = left
        else:
            self._running.pop(user_id, None)
        self._touched |= self._of_user.get(user_id, set())

    def refund(self, flow: Flow, work: int) -> None:
        """A pick began nothing: its generation had ended already."""
        state = self._state(flow)
        self._charge(flow, state, -work)
        if state.queued:
            heappush(self._heaps.setdefault(flow.band, []), (state.counter, 0, flow))

    def inherit(self, flow: Flow, lead: int) -> None:
        """Another worker, whose jobs are ours now, had served this flow so much more than others."""
        state = self._state(flow)
        state.lift(self.floor)
        state.base += max(lead, 0)

    # -- picks -------------------------------------------------------------------------------------------------------

    def next(self) -> Picked[T] | None:
        """The job to start now, counted as running; None if none may start."""
        if not self.can_pick():
            return None  # and nothing is changed: counters are lifted at picks alone
        self._settle()
        return self._pick(self._lightest(), "held_back") if self._reserved else self._pick(*self._fairest())

    def can_pick(self) -> bool:
        """Whether `next` finds a job."""
        if not self._total or self.running >= self.rules.slots:
            return False
        return self._any_light() if self._reserved else self._any_may_start()

    @property
    def _reserved(self) -> bool:
        return self.rules.slots - self.running <= self.rules.held_back

    def gap(self) -> int:
        """The most by which flows of one band differ in work that wait below their limit, whatever a slot that is held
        back has given to some of them."""
        found: dict[Band, list[int]] = {}
        for flow, state in self._flows.items():
            if state.settled and self._may_start(flow, state) and state.in_turn:
                found.setdefault(flow.band, []).append(state.counter * state.weight_milli // SHARE_SCALE)
        return max((max(counters) - min(counters) for counters in found.values()), default=0)

    def _any_may_start(self) -> bool:
        waits = any(self._may_start(flow, self._flows[flow]) for flow in self._touched)
        return waits or any(self._top(band) is not None for band in tuple(self._heaps))

    def _any_light(self) -> bool:
        return any(self._is_light(flow, state) for flow, state in self._flows.items())

    def _pick(self, flow: Flow, reason: Reason) -> Picked[T]:
        state = self._flows[flow]
        waiting = state.waiting.popleft()
        self._left(waiting)
        self.number += 1
        self.running += 1
        self._running[flow.user_id] = self._running.get(flow.user_id, 0) + 1
        picked = Picked(
            waiting.job, flow, reason, self.number, state.counter, waiting.work, state.weight_milli, self.floor
        )
        if reason == "fair":
            self.floor = max(self.floor, state.counter)
        state.in_turn = reason != "held_back"
        self._charge(flow, state, waiting.work)
        for of_user in self._of_user[flow.user_id]:
            other = self._flows[of_user]
            other.settled = other.settled and self._may_start(of_user, other)
        self._offer(flow, state)
        self._forget()
        return picked

    def _settle(self) -> None:
        """Lift what begins to wait below its limit, and note what does so no more."""
        for flow in self._touched:
            state = self._flows[flow]
            if not self._may_start(flow, state):
                state.settled = False
            elif not state.settled:
                state.settled = True
                state.lift(self.floor)
                self._offer(flow, state)
        self._touched.clear()

    def _fairest(self) -> tuple[Flow, Reason]:
        """The flow that was served least, unless the lowest band is owed something."""
        tops = {band: top for band in tuple(self._heaps) if (top := self._top(band)) is not None}
        fair = min(tops.values())[2]
        lowest = self._owed_band(tops)
        if lowest is None or lowest == fair.band:
            return fair, "fair"
        return tops[lowest][2], "aged"

    def _owed_band(self, waiting: Iterable[Band]) -> Band | None:
        """The lowest of the bands that wait, if it has got less than its share since it began to."""
        lowest, *others = sorted(waiting, key=lambda band: (self.rules.weight_milli(*band), band))
        if not others:
            self._owed = None
            return None
        served = self._served.get(lowest, 0)
        if self._owed is None or self._owed[0] != lowest:
            self._owed = lowest, served, self._total_served
        _, served_then, total_then = self._owed
        owed = (self._total_served - total_then) * self.rules.lowest_share
        return lowest if (served - served_then) * 100 < owed else None

    def _lightest(self) -> Flow:
        return min(
            (state.counter, state.waiting[0].arrival, flow)
            for flow, state in self._flows.items()
            if self._is_light(flow, state)
        )[2]

    def _is_light(self, flow: Flow, state: _State[T]) -> bool:
        user_id = flow.user_id
        return (
            bool(state.waiting)
            and not state.waiting[0].overflow
            and user_id not in self._running
            and self._waiting[user_id] <= LIGHT_WAITING
        )

    # -- counters and heaps ------------------------------------------------------------------------------------------

    def _charge(self, flow: Flow, state: _State[T], work: int) -> None:
        state.work += work
        band = flow.band
        self._served[band] = self._served.get(band, 0) + work
        self._total_served += work

    def _may_start(self, flow: Flow, state: _State[T]) -> bool:
        return bool(state.waiting) and self._running.get(flow.user_id, 0) < self.rules.user_limit

    def _offer(self, flow: Flow, state: _State[T]) -> None:
        if state.settled and not state.queued:
            state.queued = True
            heappush(self._heaps.setdefault(flow.band, []), (state.counter, state.waiting[0].arrival, flow))

    def _top(self, band: Band) -> tuple[int, int, Flow] | None:
        """The flow of a band that was served least. What a heap says of a flow may be old; it only ever grows."""
        heap = self._heaps[band]
        while heap:
            counter, arrival, flow = heap[0]
            state = self._flows.get(flow)
            if state is None or not state.settled or not self._may_start(flow, state):
                heappop(heap)
                if state is not None:
                    state.queued = False
            elif (counter, arrival) != (state.counter, state.waiting[0].arrival):
                heappop(heap)
                heappush(heap, (state.counter, state.waiting[0].arrival, flow))
            else:
                return heap[0]
        del self._heaps[band]
        return None

    def _state(self, flow: Flow) -> _State[T]:
        state = self._flows.get(flow)
        if state is None:
            weight = self.rules.weight_milli(flow.service_class, flow.tier)
            state = self._flows[flow] = _State(weight, self.floor)
            self._of_user.setdefault(flow.user_id, set()).add(flow)
        return state

    def _left(self, waiting: Waiting[T]) -> None:
        self._total -= 1
        user_id = waiting.flow.user_id
        left = self._waiting[user_id] - 1
        if left:
            self._waiting[user_id] = left
        else:
            del self._waiting[user_id]

    def _forget(self) -> None:
        """Flows that the floor has passed are as good as new; of too many others the idle ones go as well."""
        if len(self._flows) <= 4 * self.rules.slots + 256:
            return
        idle = [
            (flow, state.counter)
            for flow, state in self._flows.items()
            if not state.waiting and flow.user_id not in self._running and flow not in self._touched
        ]
        passed = [flow for flow, counter in idle if counter <= self.floor]
        for flow in passed or [flow for flow, _ in idle]:
            del self._flows[flow]
            flows = self._of_user[flow.user_id]
            flows.discard(flow)
            if not flows:
                del self._of_user[flow.user_id]
