"""Whether this process can serve: asked of the log and the projections themselves, at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from infra.clock import monotonic_s

KEPT_S = 1.0
TIMEOUT_S = 3.0

Probe = Callable[[], Awaitable[None]]
"""Returns if the server answered, raises if not."""


class Readiness:
    """The state of what this process cannot do without, by name."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = dict(probes)
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

    @staticmethod
    async def _ask(probe: Probe) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await probe()
        except Exception:  # whatever keeps a server from answering, the answer is the same
            return "unreachable"
        return "ok"
