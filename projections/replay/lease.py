"""Leases on versions during work: taken, renewed, given back."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.cassandra.errors import StoreUnavailable
from infra.clock import utc_now
from infra.logging import get_logger
from projections.replay.moves import LEASE_S, Moves
from projections.replay.rules import Refused, at_work
from projections.versions import Version

T = TypeVar("T")
_HOLDER = re.compile(r"(\S+) pid (\d+) since .*")
PROLONG_EVERY_S = LEASE_S / 3

_log = get_logger(__name__)


def this_process() -> str:
    """Who holds a lease, for people and for `is_gone`."""
    return f"{os.uname().nodename} pid {os.getpid()} since {utc_now():%Y-%m-%d %H:%M:%S} UTC"


def is_gone(holder: str | None) -> bool:
    """Whether the holder was a process of this machine that has ended: its lease need not run out first."""
    found = _HOLDER.fullmatch(holder or "")
    if found is None or found[1] != os.uname().nodename:
        return False
    try:
        os.kill(int(found[2]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass  # alive, and another user's
    return False


class Lease:
    """The versions that this process works at."""

    def __init__(self, moves: Moves, owner: str, holder: str) -> None:
        """`owner`: drawn at random. `holder`: `this_process()`, but for tests."""
        self._moves = moves
        self.owner = owner
        self._holder = holder
        self._held: list[Version] = []
        self._lost: Version | None = None

    async def take(self, row: Version) -> None:
        """Hold a version. Raises Refused if another process holds it that may still run."""
        if not await self._moves.hold(row, self.owner, self._holder, row.owner if is_gone(row.holder) else None):
            raise at_work(await self._moves.version(row.projection, row.version) or row)
        self._held.append(row)

    def check(self) -> None:
        """Raises Refused if another process took over our versions: after a pause longer than the lease."""
        if self._lost is not None:
            raise Refused(
                f"version {self._lost.version} of {self._lost.projection} was taken over by another rebuild while"
                " this one made no progress"
            )

    async def during(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, the lease being prolonged meanwhile; it is given back in the end."""
        failed: Exception | None = None
        result: T
        async with asyncio.TaskGroup() as group:
            prolonging = group.create_task(self._prolong())
            try:
                result = await work()
            except Exception as error:  # raised below, outside of the group, as itself
                failed = error
            finally:
                prolonging.cancel()
        try:
            for row in self._held:
                await self._moves.release(row, self.owner)
        except StoreUnavailable as error:
            _log.warning("leases run out by themselves", error=str(error))
        if failed is not None:
            raise failed
        return result

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(PROLONG_EVERY_S)
            for row in self._held:
                try:
                    if not await self._moves.hold(row, self.owner, self._holder):
                        self._lost = row
                        return
                except StoreUnavailable as error:
                    _log.warning("the lease could not be prolonged", error=str(error))
