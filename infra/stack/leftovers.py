"""Finds what a killed supervisor left behind: marked processes, and Triton's shared memory.

Children die with their supervisor (see shim.py); grandchildren may not. A process is ended only when its
environment holds this state folder's id, and the signal goes through a pidfd that was checked afterwards, so a
reused pid can never be hit.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

from infra.clock import monotonic_s
from infra.stack.child import STACK_ID_VARIABLE

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the kernel keeps it; names carry our prefix
END_TIMEOUT_S = 5.0


def marked_processes(stack_id: str) -> Iterator[int]:
    """Pids of other processes whose environment bears the id."""
    mark = f"{STACK_ID_VARIABLE}={stack_id}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _bears(int(entry.name), mark):
            yield int(entry.name)


def _bears(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def end_marked(stack_id: str) -> int:
    """Kill every process that bears the id and wait for its end; returns how many there were. Blocking, ≤ 5 s."""
    mark = f"{STACK_ID_VARIABLE}={stack_id}".encode()
    descriptors: list[int] = []
    try:
        for pid in marked_processes(stack_id):
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                descriptors.append(descriptor)
                # The descriptor pins the process; only now is a look at its environment a look at this process.
                if _bears(pid, mark):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        deadline = monotonic_s() + END_TIMEOUT_S
        for descriptor in descriptors:
            select.select([descriptor], [], [], max(0.0, deadline - monotonic_s()))
        return len(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def remove_shared_memory(prefix: str) -> None:
    """Remove shared memory regions whose names begin with `prefix`."""
    if not prefix or not SHARED_MEMORY.is_dir():
        return
    for region in SHARED_MEMORY.glob(f"{prefix}*"):
        region.unlink(missing_ok=True)
