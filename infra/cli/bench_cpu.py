"""CPU time of processes and of the machine, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class MachineTime:
    """CPU seconds of all cores since boot."""

    busy_s: float
    total_s: float

    def busy_share_since(self, before: MachineTime) -> float:
        """Share (0 to 1) of the machine that was busy since `before`."""
        total = self.total_s - before.total_s
        return min((self.busy_s - before.busy_s) / total, 1.0) if total > 0 else 0.0


def machine_time() -> MachineTime:
    ticks = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    second = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    return MachineTime((sum(ticks) - idle) / second, sum(ticks) / second)


def available_bytes() -> int:
    """Memory that programs can still get without swapping."""
    for line in (_PROC / "meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def total_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cpu_model() -> str:
    """What the processor calls itself."""
    for line in (_PROC / "cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown processor"


def cpu_ns(pids: Iterable[int]) -> int:
    """Nanoseconds these processes and all their descendants have run. Ended ones count as nothing.

    From each thread's schedstat: the 10 ms ticks of /proc/<pid>/stat are too coarse for processes that mostly sleep.
    """
    children = _children()
    pending, seen, total = list(pids), set[int](), 0
    while pending:
        pid = pending.pop()
        if pid in seen:
            continue
        seen.add(pid)
        pending += children[pid]
        total += _own_ns(pid)
    return total


def _own_ns(pid: int) -> int:
    total = 0
    try:
        threads = os.listdir(_PROC / str(pid) / "task")
    except OSError:
        return 0
    for thread in threads:
        try:
            total += int((_PROC / str(pid) / "task" / thread / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue  # the thread has ended meanwhile
    return total


def _children() -> defaultdict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for name in os.listdir(_PROC):
        if name.isdigit():
            try:
                stat = (_PROC / name / "stat").read_text()
            except OSError:
                continue
            # The command's name is in brackets and may hold anything; the parent is the second word after it.
            found[int(stat.rpartition(")")[2].split()[1])].append(int(name))
    return found
