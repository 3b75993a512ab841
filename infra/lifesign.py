"""Life signs: a process touches a file from its main loop, and the supervisor checks the file's time.

The first beat says "ready". A process whose beats stop for longer than the supervisor's limit is taken for hung,
killed and started again, so beat from the loop that does the work, never from a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from infra.clock import monotonic_s

LIFESIGN_VARIABLE = "VERBATIM_LIFESIGN"
BEAT_INTERVAL_S = 0.5


class LifeSign:
    """Touches one file, at most every half BEAT_INTERVAL_S however often `beat` is called."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: nobody watches, and beats do nothing."""
        self._path = path
        self._next_s = 0.0

    @classmethod
    def from_env(cls) -> LifeSign:
        """The life sign the supervisor asked for by VERBATIM_LIFESIGN; a silent one when nobody asked."""
        named = os.environ.get(LIFESIGN_VARIABLE)
        return cls(Path(named) if named else None)

    def beat(self) -> None:
        """Say "my loop turns". Cheap enough to call in every turn; never raises for a file system that fails."""
        now = monotonic_s()
        if self._path is None or now < self._next_s:
            return
        self._next_s = now + BEAT_INTERVAL_S / 2
        # A full or vanished disk must not end a process that works; the missing beat is itself the report.
        with contextlib.suppress(OSError):
            self._path.touch()

    async def run_beats(self, stop: asyncio.Event) -> None:
        """Beat every BEAT_INTERVAL_S from the running event loop until `stop` is set."""
        while not stop.is_set():
            self.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BEAT_INTERVAL_S)
