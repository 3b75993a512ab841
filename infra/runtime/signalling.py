"""Signals to processes that asyncio waits for."""

from __future__ import annotations

import asyncio
import contextlib
import os


def send_signal(process: asyncio.subprocess.Process, number: int) -> None:
    """Send a signal, and leave the exit status to whoever waits for it. A process that has ended gets none.

    `process.send_signal`, `terminate` and `kill` look first whether the process has ended. That takes the status of one
    that has ended just now, and `wait` then answers 255.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
