"""Restarts on request: a file in the state folder asks for one, and is taken away when it begins.

A file, not a signal: it names the child, and asks nothing of who may signal whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from infra.logging import get_logger
from infra.stack.keeper import Keeper
from infra.stack.layout import Layout

LOOK_S = 0.2

log = get_logger(__name__)


def request_restart(layout: Layout, name: str) -> None:
    """Ask the supervisor of this state folder to restart a child gracefully."""
    layout.restart_of(name).touch(mode=0o600)


async def run_restarts(layout: Layout, keepers: Callable[[], Sequence[Keeper]]) -> None:
    """Serve requests until cancelled; what an earlier supervisor was asked is dropped."""
    for file in layout.run.glob("*.restart"):
        file.unlink(missing_ok=True)
    async with asyncio.TaskGroup() as restarting:
        while True:
            await asyncio.sleep(LOOK_S)
            for keeper in keepers():
                file = layout.restart_of(keeper.spec.name)
                if file.exists():
                    file.unlink(missing_ok=True)
                    log.info("restart requested", child=keeper.spec.name)
                    restarting.create_task(keeper.restart())
