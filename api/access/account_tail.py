"""Where a process begins to read account-events: below what the tables of who may what show.

What the projections have not written yet, they cannot say. A process that began at the end of the log would let in who
was suspended, or whose key was revoked, just before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from infra.clock import monotonic_s
from topics.catalogue import ACCOUNT_EVENTS
from topics.errors import LogUnavailable

READ_FROM = ("accounts", "identities", "sign_ins")
"""The projections that say who may what."""
CATCH_UP_S = 120.0
_LOOK_S = 0.02


class Watermarks(Protocol):
    async def watermarks(self, projection: str) -> Mapping[tuple[str, int], int]:
        """Per (topic, partition) the offset below which everything is in the live tables. Raises StoreUnavailable."""


class AccountTail(Protocol):
    """A tail of account-events."""

    async def start(self, partitions: list[int], *, from_offsets: Mapping[int, int] | None = None) -> object:
        """Begin at these offsets. Raises LogUnavailable."""

    def position(self, partition: int) -> int:
        """The offset of what is read next."""


def beginnings(bounds: Mapping[int, tuple[int, int]], shown: Iterable[Mapping[tuple[str, int], int]]) -> dict[int, int]:
    """By partition the offset to read from: the lowest that one of the tables has not shown yet.

    `bounds`: the first offset that the log holds and its end. `shown`: the watermarks of each projection; of a
    partition that one does not name it has shown nothing.
    """
    tables = list(shown)
    return {
        partition: max(first, min([end, *(each.get((ACCOUNT_EVENTS, partition), first) for each in tables)]))
        for partition, (first, end) in bounds.items()
    }


async def begin(
    tail: AccountTail, reads: Watermarks, bounds: Mapping[int, tuple[int, int]], within_s: float = CATCH_UP_S
) -> None:
    """Start the tail, and wait until it has read what was in the log: only then may anybody be let in.

    `bounds`: as of now. Raises LogUnavailable: it was not read in time; StoreUnavailable.
    """
    shown = [await reads.watermarks(projection) for projection in READ_FROM]
    await tail.start(list(bounds), from_offsets=beginnings(bounds, shown))
    until_s = monotonic_s() + within_s
    while any(tail.position(partition) < end for partition, (_, end) in bounds.items()):
        if monotonic_s() >= until_s:
            raise LogUnavailable(f"{ACCOUNT_EVENTS} was not read to its end within {within_s:.0f} s")
        await asyncio.sleep(_LOOK_S)
