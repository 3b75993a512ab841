"""How many jobs of a pool wait, and how long the next one would: from offsets of the log. Pure.

What the pool's workers have not committed waits, runs, or has ended within the last second. So many as they may run at
once do not wait. How quickly commits move on says how long the rest takes: an estimate, and called so.
"""

from __future__ import annotations

from dataclasses import dataclass

FORGETS_S = 10.0
"""A rate is that of about so long."""
STALE_S = 5.0
"""Figures older than this say nothing."""
MAX_WAITING = 10_000
"""Jobs of a pool that wait at which no more are taken, whatever the tier."""


@dataclass(frozen=True, slots=True)
class Queue:
    """`waiting`: jobs that no attempt was begun of. `wait_s`: of the next one; None: it is not known."""

    waiting: int = 0
    wait_s: float | None = 0.0


@dataclass(slots=True)
class PoolFigures:
    """The figures of one pool. `sampled` with the sums of its partitions; `admitted` for each job asked for since."""

    at_s: float | None = None
    committed: int = 0
    waiting: int = 0
    per_s: float | None = None
    _since: int = 0

    def sampled(self, now_s: float, *, committed: int, end: int, slots: int) -> None:
        """A look at the log. `slots`: how many jobs its workers may run at once."""
        if self.at_s is not None and now_s > self.at_s and committed >= self.committed:
            gone_s = now_s - self.at_s
            rate = (committed - self.committed) / gone_s
            if rate or self.waiting:
                weight = min(gone_s / FORGETS_S, 1.0)
                self.per_s = rate if self.per_s is None else self.per_s + weight * (rate - self.per_s)
        self.at_s, self.committed = now_s, committed
        self.waiting, self._since = max(end - committed - slots, 0), 0

    def admitted(self) -> None:
        """A job was asked for, which the next look will see."""
        self._since += 1

    def queue(self, now_s: float) -> Queue:
        """What is known now."""
        if self.at_s is None or now_s - self.at_s > STALE_S:
            return Queue(0, None)
        waiting = self.waiting + (self._since if self.waiting else 0)
        if not waiting:
            return Queue()
        return Queue(waiting, waiting / self.per_s if self.per_s else None)


def too_long(queue: Queue, longest_wait_s: int | None) -> float | None:
    """In how many seconds to ask again where the queue is longer than promised; None: it is not."""
    if queue.waiting >= MAX_WAITING:
        return queue.wait_s or FORGETS_S
    if longest_wait_s is None or queue.wait_s is None or queue.wait_s <= longest_wait_s:
        return None
    return queue.wait_s - longest_wait_s
