"""Life signs: a process touches a file from its main loop, and the supervisor checks the file's time.

The first beat says "ready". A process whose beats stop for longer than the supervisor's limit is taken for hung,
killed and started again, so beat from the loop that does the work, never from a thread of its own. The file is touched
by a thread: a disk that does not answer holds up no loop, and the supervisor sees what holds the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path

from infra.clock import monotonic_s

LIFESIGN_VARIABLE = "VERBATIM_LIFESIGN"
BEAT_INTERVAL_S = 0.5
CALM_INTERVAL_S = 2.0
"""For a process that is taken for hung after 10 s: idle, it has little else to wake up for."""


class _Toucher:
    """Touches files from a thread that begins with the first of them. Each file waits once, however often it is due."""

    def __init__(self) -> None:
        self._due: set[Path] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def touch(self, path: Path) -> None:
        with self._lock:
            self._due.add(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="life sign", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                due, self._due = self._due, set()
            for path in due:
                # A full or vanished disk must not end a process that works; the missing beat is itself the report.
                with contextlib.suppress(OSError):
                    path.touch()


_TOUCHER = _Toucher()


class LifeSign:
    """Touches one file, at most every half BEAT_INTERVAL_S however often `beat` is called."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: no supervisor watches, and beats do nothing."""
        self._path = path
        self._next_s = 0.0

    @classmethod
    def from_env(cls) -> LifeSign:
        """The life sign that VERBATIM_LIFESIGN names; without it, one that does nothing."""
        named = os.environ.get(LIFESIGN_VARIABLE)
        return cls(Path(named) if named else None)

    def beat(self) -> None:
        """Say "my loop turns". Cheap enough to call in every turn; never waits for the file system."""
        now = monotonic_s()
        if self._path is None or now < self._next_s:
            return
        self._next_s = now + BEAT_INTERVAL_S / 2
        _TOUCHER.touch(self._path)

    async def run_beats(self, stop: asyncio.Event, every_s: float = BEAT_INTERVAL_S) -> None:
        """Beat every `every_s` from the running event loop until `stop` is set."""
        while not stop.is_set():
            self.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
