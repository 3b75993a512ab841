"""How much memory this host has to give."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")


def memory_available(meminfo: Path = MEMINFO, group: Path = GROUP) -> int | None:
    """Bytes that can be used without swapping, within this process's control group."""
    available: int | None = None
    try:
        lines = meminfo.read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            used = int((group / "memory.current").read_text()) - _given_back(group)
            available = min(available, max(0, int(limit) - used))
    except (OSError, ValueError, StopIteration):
        # no such file, as outside of version 2 of control groups: what is known so far stands
        return available
    return available


def _given_back(group: Path) -> int:
    """Copies of files that the kernel drops as soon as memory is wanted: after a download they fill the group."""
    lines = (group / "memory.stat").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
