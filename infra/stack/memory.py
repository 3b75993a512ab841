"""How much memory this host has to give."""

from __future__ import annotations

from pathlib import Path


def memory_available() -> int | None:
    """Bytes that can be used without swapping, within this process's control group."""
    available: int | None = None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            available = min(available, max(0, int(limit) - used))
    except (OSError, ValueError, StopIteration):
        # no such file, as outside of version 2 of control groups: what is known so far stands
        return available
    return available
