"""The port to buckets and leases, and those of one process: for a Redis that is away, and for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from api.access.rates import Bucket, Draw, Left, Rate, Slots, Taken, corrected, has_room
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded

LEASE_S = 30.0
"""How long a running stream counts whose process says nothing more of it."""
MAX_BUCKETS = 20_000
"""Of one process; the least recently used is forgotten first, and is full then."""
ASK_THE_LOG = -1
"""Of a bucket of an hour or more: if it is not known, nothing is decided."""
CANNOT_BE_TOLD = -2
"""The log cannot be asked: it begins with what is known, and the log is asked again the next time."""
NO_FILL = -3


class BucketsAway(Exception):
    """The buckets cannot be asked; nothing was taken, as far as is known."""


@dataclass(frozen=True, slots=True)
class Correction:
    """`by` more was taken of a bucket than had been reserved; less, if it is negative."""

    rate: Rate
    by: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A running stream, and the slots that it holds."""

    id: str
    slots: tuple[Slots, ...]


class Buckets(Protocol):
    """Buckets by their rates' names, and leases by their slots' names."""

    async def take(
        self,
        draws: Sequence[Draw],
        slots: Sequence[Slots] = (),
        lease: str = "",
        fills: Mapping[int, int] | None = None,
    ) -> Taken:
        """Take all draws and a lease of all slots, or nothing. Without a `lease`, slots are only counted.

        `fills`: what the log says was taken in the last period, by the place of the draw. Raises BucketsAway.
        """

    async def settle(self, corrections: Sequence[Correction], lease: str, slots: Sequence[Slots]) -> None:
        """Correct what was reserved, and give the lease back. Raises BucketsAway."""

    async def renew(self, leases: Sequence[Lease]) -> None:
        """These go on; one that is not known any more stands again. Raises BucketsAway."""


class LocalBuckets:
    """The Buckets of one process. `processes`: each of so many has that part of every limit, but at least 1."""

    def __init__(
        self,
        processes: int = 1,
        lease_s: float = LEASE_S,
        now_us: Callable[[], int] = lambda: round(monotonic_s() * 1e6),
        most: int = MAX_BUCKETS,
    ) -> None:
        self._processes = processes
        self._lease_us = round(lease_s * 1e6)
        self._now_us = now_us
        self._buckets: Bounded[str, Bucket] = Bounded(most)
        self._leases: Bounded[str, dict[str, int]] = Bounded(most)

    def __len__(self) -> int:
        return len(self._buckets) + len(self._leases)

    def forget(self) -> None:
        """Every bucket is unknown again; leases stay."""
        self._buckets.clear()

    @property
    def names(self) -> frozenset[str]:
        """The buckets that something was taken of."""
        return frozenset(self._buckets)

    async def take(
        self,
        draws: Sequence[Draw],
        slots: Sequence[Slots] = (),
        lease: str = "",
        fills: Mapping[int, int] | None = None,
    ) -> Taken:
        now = self._now_us()
        draws = [self._share(draw) for draw in draws]
        filled: dict[int, Bucket] = {}
        unknown = []
        for place, draw in enumerate(draws):
            bucket = self._buckets.get(draw.rate.name)
            if not draw.rate.outlives or (bucket is not None and bucket.filled_at_us):
                continue
            fill = (fills or {}).get(place, ASK_THE_LOG)
            if fill == ASK_THE_LOG:
                unknown.append(place)
            elif fill >= 0:
                known = 0.0 if bucket is None else bucket.level(draw.rate, now)
                # 1 at least: 0 says that the log was never asked.
                filled[place] = Bucket(max(known, float(min(fill, draw.rate.limit))), now, max(now, 1))
        if unknown:
            return Taken(False, unknown=tuple(unknown))
        for place, bucket in filled.items():
            self._buckets[draws[place].rate.name] = bucket
        levels = [self._level(draw.rate, now) for draw in draws]
        held = [self._held(each, now) for each in slots]
        allowed = all(
            has_room(draw.rate, level, draw.amount) for draw, level in zip(draws, levels, strict=True)
        ) and all(len(leases) < self._share_of(each.limit) for each, leases in zip(slots, held, strict=True))
        if allowed:
            levels = [level + draw.amount for draw, level in zip(draws, levels, strict=True)]
            for draw, level in zip(draws, levels, strict=True):
                if draw.amount:
                    self._keep(draw.rate, level, now)
            if lease:
                for each, leases in zip(slots, held, strict=True):
                    leases[lease] = now + self._lease_us
                    self._leases[each.name] = leases
        left = tuple(Left.of(draw, level, allowed) for draw, level in zip(draws, levels, strict=True))
        return Taken(allowed, left, tuple(map(len, held)))

    async def settle(self, corrections: Sequence[Correction], lease: str, slots: Sequence[Slots]) -> None:
        now = self._now_us()
        for one in corrections:
            rate = self._part(one.rate)
            if rate.name in self._buckets or one.by > 0:
                self._keep(rate, corrected(rate, self._level(rate, now), one.by), now)
        for each in slots:
            leases = self._leases.get(each.name)
            if leases is not None:
                leases.pop(lease, None)
                if not leases:
                    self._leases.pop(each.name)

    async def renew(self, leases: Sequence[Lease]) -> None:
        until = self._now_us() + self._lease_us
        for lease in leases:
            for each in lease.slots:
                held = self._leases[each.name] = self._leases.get(each.name) or {}
                held[lease.id] = until

    def _level(self, rate: Rate, now: int) -> float:
        bucket = self._buckets.get(rate.name)
        return 0.0 if bucket is None else bucket.level(rate, now)

    def _keep(self, rate: Rate, level: float, now: int) -> None:
        bucket = self._buckets.get(rate.name)
        self._buckets[rate.name] = Bucket(level, now, 0 if bucket is None else bucket.filled_at_us)

    def _held(self, slots: Slots, now: int) -> dict[str, int]:
        held = self._leases.get(slots.name) or {}
        for lease in [lease for lease, until in held.items() if until <= now]:
            del held[lease]
        return held

    def _share_of(self, limit: int) -> int:
        return max(limit // self._processes, 1)

    def _part(self, rate: Rate) -> Rate:
        return replace(rate, limit=self._share_of(rate.limit))

    def _share(self, draw: Draw) -> Draw:
        rate = self._part(draw.rate)
        if rate.limit < draw.amount <= draw.rate.limit:
            return Draw(rate, rate.limit)  # what one process alone never has must not be waited for
        return Draw(rate, draw.amount)
