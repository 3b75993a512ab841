"""The spare: a process with everything imported and connected, ready to replace one that ends.

spare-0  starting ──ready──▶ waiting ──orders──▶ worker-0 (its keeper watches it from here on)
    ▲                                               and a new spare-0 is started after a pause
"""

from __future__ import annotations

import asyncio
import json

from infra.clock import now_us
from infra.stack.child import ChildSpec
from infra.stack.keeper import Keeper
from infra.stack.process import Process
from infra.stack.watching import Watch

ROLE = "spare"
PAUSE_S = 1.5
"""Before the next spare is started: its imports must not take the processor from the worker that takes over."""

FRESH_S = 1.5
"""A spare whose last beat is older may hang itself; a new process is surer then."""


def orders(child: ChildSpec, log: str) -> str:
    """The line a waiting spare reads: who it is from now on, where it beats, where its log goes, and at which port its
    metrics are."""
    lifesign = child.env["VERBATIM_LIFESIGN"]
    return json.dumps({"instance": child.name, "lifesign": lifesign, "log": log, "metrics_port": child.metrics_port})


class SpareKeeper(Keeper):
    """Keeps one spare ready and gives it away on demand. Its failures never stop a stack, they only cost the spare."""

    _given: asyncio.Event | None = None

    def stand_in(self, child: ChildSpec) -> Process | None:
        """The spare, told to be `child`; None when none is ready. It is the caller's to watch and to end."""
        process = self._process
        if process is None or self.state != "ready" or self._given is None or not self._is_fresh():
            return None
        if not process.tell(orders(child, str(self._layout.log_of(child.name)))):
            return None
        self._process, self.pid = None, None
        self._given.set()
        self._set("waiting", f"replaced {child.name}; a new spare starts in {PAUSE_S:g} s")
        return process

    async def _until_end(self, watch: Watch) -> str:
        self._given = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            ends, given = tasks.create_task(watch.until_end()), tasks.create_task(self._given.wait())
            await asyncio.wait({ends, given}, return_when=asyncio.FIRST_COMPLETED)
            ends.cancel()
            given.cancel()
        if not self._given.is_set():
            return ends.result()
        self._wanted_again = True
        await self._pause(PAUSE_S)
        return "took over for another"

    def _is_fresh(self) -> bool:
        try:
            return now_us() - self._sign.stat().st_mtime_ns // 1000 < FRESH_S * 1e6
        except OSError:
            return False
