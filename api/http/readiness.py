"""Whether this process can serve, asked of the log and the projections themselves; and how its installation is, as the
supervisor says. Both at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from infra.clock import monotonic_s

KEPT_S = 1.0
TIMEOUT_S = 3.0

Probe = Callable[[], Awaitable[None]]
"""Returns if the server answered, raises if not."""

Troubles = Callable[[], Mapping[str, str]]
"""The roles that cannot stay up, and why. It may read files."""


class Readiness:
    """The state of what this process cannot do without, by name."""

    def __init__(self, probes: Mapping[str, Probe], troubles: Troubles | None = None) -> None:
        """`troubles` None: no supervisor tells of one."""
        self._probes = dict(probes)
        self._troubles = troubles
        self._troubled: dict[str, str] = {}
        self._troubled_until_s = 0.0
        self._looking = asyncio.Lock()
        self._lock = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._until_s = 0.0

    async def check(self) -> dict[str, str]:
        """ "ok" or "unreachable" for each. Never raises, and takes TIMEOUT_S at most."""
        async with self._lock:
            if monotonic_s() >= self._until_s:
                names = list(self._probes)
                answers = await asyncio.gather(*(self._ask(self._probes[name]) for name in names))
                self._found = dict(zip(names, answers, strict=True))
                self._until_s = monotonic_s() + KEPT_S
            return self._found

    async def troubles(self) -> dict[str, str] | None:
        """The roles of this installation that cannot stay up, and why; None where no supervisor tells."""
        if self._troubles is None:
            return None
        async with self._looking:
            if monotonic_s() >= self._troubled_until_s:
                self._troubled = dict(await asyncio.to_thread(self._troubles))
                self._troubled_until_s = monotonic_s() + KEPT_S
            return self._troubled

    @staticmethod
    async def _ask(probe: Probe) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await probe()
        except Exception:  # whatever keeps a server from answering, the answer is the same
            return "unreachable"
        return "ok"
