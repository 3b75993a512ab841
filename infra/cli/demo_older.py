"""Runs a role of the running stack as a process of the release before, watches it, and restores it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.planted import Planted, fault_file, plant
from infra.stack import spare
from infra.stack.layout import Layout
from infra.stack.restarts import request_parting, request_restart
from infra.stack.snapshot import ChildView, read_snapshot
from schemas.registry import READ_BEFORE, registered_schemas

POLL_S = 0.05
_PLACE = re.compile(r"([A-Za-z0-9._-]+):([0-9]+)@([0-9]+): ")


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where an old process stopped. `told`: what it said of it."""

    name: str
    told: str
    topic: str
    partition: int
    offset: int


class OlderRole:
    """All processes of `role` in the stack of `state`. Everything waits until `until_s`, and raises UserError then."""

    def __init__(self, state: Path, role: str) -> None:
        self._layout = Layout.at(state)
        self.role = role
        self.names = tuple(child.name for child in self.children() if child.role == role)
        if not self.names:
            raise UserError(f"this stack runs no {role} process: see ./verbatim status")
        self._is_old = False
        processes = {child.within for child in self.children() if child.name in self.names} - {""}
        self._joined = tuple(child.name for child in self.children() if child.within in processes)

    def children(self) -> Sequence[ChildView]:
        snapshot = read_snapshot(self._layout.status_file)
        return snapshot.children if snapshot is not None else ()

    async def make_old(self, until_s: float) -> None:
        """Start each process as one that knows no schema of this release."""
        await self._alone(until_s)
        self._is_old = True
        for name in self.names:
            # A spare stands in for a worker that ends, so it must be as old; which of the two is taken is its keeper's.
            waiting = [child.name for child in self.children() if child.role == spare.ROLE]
            for each in (*(waiting if self.role == "worker" else ()), name):
                plant(self._layout.run, each, Planted(newest_schema=newest_before()))
                await self._restarted(each, until_s)
            self._take_back()

    async def stopped(self, until_s: float) -> Stopped:
        """Wait until one of them has stopped at a record that it does not know."""
        while True:
            for child in self.children():
                found = _PLACE.match(child.trouble) if child.name in self.names else None
                if found is not None and child.state == "waiting":
                    return Stopped(child.name, child.trouble, found[1], int(found[2]), int(found[3]))
            await _pause(until_s, f"the old {self.role} met no record that it does not know")

    async def upgrade(self, until_s: float) -> None:
        """Start each of them whole again."""
        for name in self.names:
            await self._restarted(name, until_s)
        self._is_old = False

    def leave(self) -> None:
        """Whatever happened: nothing stays planted, and what is old is asked to start whole."""
        self._take_back()
        if self._is_old:
            for name in self.names:
                request_restart(self._layout, name)

    async def well(self, until_s: float) -> None:
        """Wait until no child of the stack is in trouble."""
        await self._until(
            lambda: all(not child.trouble for child in self.children()), until_s, "the stack is in trouble"
        )

    async def _restarted(self, name: str, until_s: float) -> None:
        before = next((child.pid for child in self.children() if child.name == name), None)
        request_restart(self._layout, name)

        def is_new() -> bool:
            now = next((child for child in self.children() if child.name == name), None)
            # One that meets the record at once may be gone again before anybody looks.
            return now is not None and (now.state == "ready" or bool(now.trouble)) and now.pid != before

        await self._until(is_new, until_s, f"{name} is not back")

    async def _alone(self, until_s: float) -> None:
        """Give the role processes of its own: others that shared one with it would be old as well."""
        if not self._joined:
            return
        request_parting(self._layout, self._joined[0])

        def are_alone() -> bool:
            return all(
                child.state == "ready" and not child.within for child in self.children() if child.name in self._joined
            )

        await self._until(are_alone, until_s, f"{self.role} has no process of its own")

    def _take_back(self) -> None:
        for child in self.children():
            fault_file(self._layout.run, child.name).unlink(missing_ok=True)

    @staticmethod
    async def _until(true: Callable[[], bool], until_s: float, otherwise: str) -> None:
        while not true():
            await _pause(until_s, otherwise)


def newest_before() -> int:
    """The newest schema id that the release before knows."""
    return max(number for number, schema in registered_schemas().items() if schema.writes <= READ_BEFORE)


async def _pause(until_s: float, otherwise: str) -> None:
    if monotonic_s() > until_s:
        raise UserError(f"{otherwise}: see ./verbatim status")
    await asyncio.sleep(POLL_S)
