"""Restarts on request: a file in the state folder asks for one, and is taken away when it begins.

A file, not a signal: it names the child, and asks nothing of who may signal whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.clock import now_us
from infra.logging import get_logger
from infra.stack.keeper import Keeper
from infra.stack.layout import Layout

LOOK_S = 0.2
SETTLED_NS = 1_000_000_000
"""A folder that has not changed for so long may be taken for looked at; one whose change lies ahead never is."""

log = get_logger(__name__)


def request_restart(layout: Layout, name: str) -> None:
    """Ask the supervisor of this state folder to restart a child gracefully."""
    layout.restart_of(name).touch(mode=0o600)


def request_parting(layout: Layout, name: str) -> None:
    """Ask the supervisor to give each of the agents that share a process with `name` one of its own."""
    layout.parting_of(name).touch(mode=0o600)


async def run_restarts(layout: Layout, keepers: Callable[[], Sequence[Keeper]]) -> None:
    """Serve requests until cancelled; what an earlier supervisor was asked is dropped."""
    for file in (*layout.run.glob("*.restart"), *layout.run.glob("*.part")):
        file.unlink(missing_ok=True)
    looked_at_ns = 0
    async with asyncio.TaskGroup() as restarting:
        while True:
            await asyncio.sleep(LOOK_S)
            changed_at_ns = layout.run.stat().st_mtime_ns
            if changed_at_ns == looked_at_ns:
                continue
            # The time of a change is coarse: another may follow at the same.
            looked_at_ns = changed_at_ns if now_us() * 1000 - changed_at_ns > SETTLED_NS else 0
            for keeper in tuple(keepers()):
                for name in (keeper.spec.name, *(child.name for child in keeper.spec.carries)):
                    if _taken(layout.restart_of(name)):
                        log.info("restart requested", child=name)
                        restarting.create_task(keeper.restart())
                    if _taken(layout.parting_of(name)):
                        log.info("a process of its own requested", child=name)
                        restarting.create_task(keeper.part())


def _taken(file: Path) -> bool:
    """Whether the file was there; it is not any more."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
