"""How a spare learns which worker it replaces: one line on its standard input.

Until then it has everything a worker has (engines, producers, the tails of control and outcomes) except a place in the
consumer group, so it is given no jobs; from then on it is that worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.lifesign import LifeSign

MAX_BYTES = 16 * 1024


class NotOrders(Exception):
    """The line on the standard input names no worker to become."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Whom to become, where to beat from then on, where the log goes, and the port of the metrics (0: none)."""

    instance: str
    lifesign: Path
    log: Path
    metrics_port: int


def read_orders(line: bytes) -> Orders:
    """Raises NotOrders."""
    try:
        said = json.loads(line)
        port = int(said.get("metrics_port", 0))
        return Orders(str(said["instance"]), Path(said["lifesign"]), Path(said["log"]), port)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotOrders("the line on the standard input is not a JSON object with instance, lifesign and log") from None


async def wait_for_orders(stop: asyncio.Event) -> Orders | None:
    """The orders, when they come; None when told to stop, or when the pipe is closed. Raises NotOrders."""
    reader = asyncio.StreamReader(limit=MAX_BYTES)
    try:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
    except (OSError, ValueError):
        raise NotOrders("a spare gets its orders through a pipe, but its standard input is not a pipe") from None
    beating = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            line, stopped = tasks.create_task(reader.readline()), tasks.create_task(stop.wait())
            beats = tasks.create_task(LifeSign.from_env().run_beats(beating))
            await asyncio.wait({line, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in (line, stopped, beats):
                task.cancel()
    finally:
        transport.close()
    said = b"" if line.cancelled() else line.result()
    return read_orders(said) if said.strip() else None


def move_output(log: Path) -> None:
    """Let the standard streams go on in the log of the worker that this process becomes."""
    with contextlib.suppress(OSError):  # a full disk must not cost the worker
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
