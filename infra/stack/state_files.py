"""Writes what the supervisor says of the stack, status.json and stack.json, without holding up its event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.logging import get_logger
from infra.stack.snapshot import Snapshot, write_snapshot
from infra.stack.stack_file import write_stack_file
from infra.stack.watching import one_line

MAX_WRITE_S = 10.0

log = get_logger(__name__)


class StateFiles:
    """One write at a time, in a thread of its own; of what comes during it, the newest is written next.

    A disk that is full or hangs takes nothing down: the error is logged, and the next change is written again.
    """

    def __init__(self, status: Path, stack: Path) -> None:
        self._status = status
        self._stack = stack
        self._next: tuple[Snapshot, dict[str, Any]] | None = None
        self._document: dict[str, Any] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state-files")
        self._writing: asyncio.Task[None] | None = None

    def change(self, snapshot: Snapshot, document: dict[str, Any]) -> None:
        """Have status.json say `snapshot`, and stack.json `document`, soon. On the loop."""
        self._next = snapshot, document
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all())

    async def written(self) -> None:
        """Wait until the last change is in the files, MAX_WRITE_S at most."""
        if self._writing is not None:
            done, _ = await asyncio.wait({self._writing}, timeout=MAX_WRITE_S)
            if not done:
                log.error("the state files are not written", waited_s=MAX_WRITE_S)

    async def aclose(self) -> None:
        """As `written`; nothing is written after it."""
        await self.written()
        self._thread.shutdown(wait=False)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._next is not None:
            (snapshot, document), self._next = self._next, None
            await loop.run_in_executor(self._thread, self._write, snapshot, document)

    def _write(self, snapshot: Snapshot, document: dict[str, Any]) -> None:
        try:
            # First: who reads that the stack runs looks here for its address and its key.
            if document != self._document:
                write_stack_file(self._stack, document)
                self._document = document
            write_snapshot(self._status, snapshot)
        except OSError as error:
            log.error("cannot write the state files", reason=one_line(error))
