"""Strikes a running stack: kills, stops, cuts, wrong clocks, full disks. Every fault is bounded, and is lifted.

Only processes that bear the mark of this stack are touched, through descriptors that pin them, so that a number that
was given to another process is never hit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import assert_never

from infra.clock import monotonic_s
from infra.planted import Planted, fault_file, plant
from tests.faults.schedule import Fault, Step
from tests.faults.stack_under_test import StackUnderTest

POLL_S = 0.05
PRESENT_WITHIN_S = 40.0
"""A target that is away (started again just now) is waited for that long; a supervisor's longest pause is 30 s."""
STRUCK_WITHIN_S = 25.0
"""A crash point that was not reached by then is taken back."""
GRACE_S = 15.0
MAX_SPARES = 6
BALLOON = "balloon"
PAGE_BYTES = 4096

Say = Callable[[str], None]


class TargetMissing(Exception):
    """A process that should be kept alive was not there for PRESENT_WITHIN_S."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(f"{target} was not there for {PRESENT_WITHIN_S:g} s")


class Nemesis:
    """`strike` does a step and returns when its faults are lifted; `say` hears what was done."""

    def __init__(self, stack: StackUnderTest, say: Say) -> None:
        self._stack = stack
        self._say = say

    async def strike(self, step: Step) -> None:
        """The faults of a step together. Raises TargetMissing, NotStarted."""
        async with asyncio.TaskGroup() as together:
            for fault in step.faults:
                together.create_task(self._strike(fault))

    async def _strike(self, fault: Fault) -> None:
        target = fault.target
        match fault.kind:
            case "kill":
                await self._kill(target)
            case "term":
                await self._term(target)
            case "stop":
                await self._stop(target, fault.duration_s)
            case "storm":
                for _ in range(fault.amount):
                    await self._kill(target)
            case "crash_point":
                child, _, point = target.partition(":")
                await self._crash_at(child, f"{point}:{fault.amount}")
            case "skew":
                await self._skew(target, fault.amount, fault.duration_s)
            case "cut" | "delay" | "black_hole":
                proxy = self._stack.proxies[target]
                proxy.weather(fault.kind, fault.amount)
                try:
                    await asyncio.sleep(fault.duration_s)
                finally:
                    proxy.weather("pass")
            case "disk_full":
                await self._fill(self._stack.servers / target, fault.duration_s)
            case "supervisor":
                await self._supervisor()
            case _:
                assert_never(fault.kind)

    async def _kill(self, child: str) -> None:
        async with self._living(child) as (pid, descriptor):
            _send(descriptor, signal.SIGKILL)
            await _ended(descriptor)
        self._say(f"killed {child} ({pid})")

    async def _term(self, child: str) -> None:
        """Ask it to end, as a rolling restart does; one that does not is killed."""
        async with self._living(child) as (pid, descriptor):
            _send(descriptor, signal.SIGTERM)
            if await _ended_within(descriptor, GRACE_S):
                self._say(f"{child} ({pid}) ended when asked to")
            else:
                self._say(f"{child} ({pid}) did not end within {GRACE_S:g} s: killed")

    async def _stop(self, child: str, duration_s: float) -> None:
        async with self._living(child) as (pid, descriptor):
            _send(descriptor, signal.SIGSTOP)
            try:
                await asyncio.sleep(duration_s)
            finally:
                _send(descriptor, signal.SIGCONT)
        self._say(f"stopped {child} ({pid}) and let it go on")

    async def _crash_at(self, child: str, point: str) -> None:
        if not await self._planted(child, Planted(crash_point=point)):
            self._say(f"{child} did not start again to crash at {point}")
            return
        async with self._living(child) as (_, descriptor):
            if await _ended_within(descriptor, STRUCK_WITHIN_S):
                self._say(f"{child} crashed at {point}")
            else:
                self._say(f"{child} never came to {point}: taken back by a kill")

    async def _skew(self, child: str, seconds: int, duration_s: float) -> None:
        if await self._planted(child, Planted(clock_skew_s=seconds)):
            await asyncio.sleep(duration_s)
            await self._kill(child)

    async def _planted(self, child: str, planted: Planted) -> bool:
        """Start a child again with something planted; False if it did not take it.

        A spare that stands in has started before, so it is killed too, until the child is one that starts anew.
        """
        run = self._stack.state / "run"
        file = fault_file(run, child)
        plant(run, child, planted)
        try:
            for _ in range(MAX_SPARES):
                await self._kill(child)
                async with self._living(child) as (pid, _descriptor):
                    if not _stands_in(pid):
                        break
            return await _gone(file)
        finally:
            file.unlink(missing_ok=True)

    async def _fill(self, disk: Path, duration_s: float) -> None:
        """Leave no byte on a small disk; what is there stays."""
        if not os.path.ismount(disk):  # noqa: ASYNC240 - a look at one local folder
            self._say(f"{disk.name} has no disk of its own: nothing was filled")
            return
        balloon = disk / BALLOON
        try:
            await asyncio.to_thread(_inflate, balloon)
            await asyncio.sleep(duration_s)
        finally:
            balloon.unlink(missing_ok=True)
        self._say(f"filled the disk of {disk.name} and made room again")

    async def _supervisor(self) -> None:
        """Kill the supervisor, with whom its children die; whoever runs it in earnest starts it again, and so do we."""
        pid = self._stack.supervisor_pid()
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            await _ended(descriptor)
        finally:
            os.close(descriptor)
        self._say(f"killed the supervisor ({pid})")
        await self._stack.up()

    @contextlib.asynccontextmanager
    async def _living(self, child: str) -> AsyncIterator[tuple[int, int]]:
        """(pid, descriptor) of a child that lives now and is surely ours. Raises TargetMissing."""
        until_s = monotonic_s() + PRESENT_WITHIN_S
        while True:
            pid = self._stack.pid(child)
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    descriptor = os.pidfd_open(pid)
                    # The descriptor pins the process; only now is a look at its mark a look at this process.
                    if self._stack.is_ours(pid):
                        break
                    os.close(descriptor)
            if monotonic_s() > until_s:
                raise TargetMissing(child)
            await asyncio.sleep(POLL_S)
        try:
            yield pid, descriptor
        finally:
            os.close(descriptor)


def _send(descriptor: int, number: signal.Signals) -> None:
    """A signal; nothing to a process that has ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, number)


def _stands_in(pid: int) -> bool:
    """Whether a process was started as a spare."""
    return b"--spare" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def _gone(file: Path) -> bool:
    """Whether somebody takes the file away within PRESENT_WITHIN_S."""
    until_s = monotonic_s() + PRESENT_WITHIN_S
    while file.exists():  # noqa: ASYNC240 - the one who takes it is another process
        if monotonic_s() > until_s:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def _ended_within(descriptor: int, seconds: float) -> bool:
    """Whether the process ends by itself in time; one that does not is killed."""
    try:
        async with asyncio.timeout(seconds):
            await _ended(descriptor)
    except TimeoutError:
        _send(descriptor, signal.SIGKILL)
        return False
    return True


async def _ended(descriptor: int) -> None:
    """Return when the process behind a descriptor has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)


def _inflate(balloon: Path) -> None:
    """Take all the room there is, to the last page, also what becomes free meanwhile."""
    disk = os.statvfs(balloon.parent)
    piece, size = disk.f_bavail * disk.f_frsize, 0
    with balloon.open("wb") as file:
        while piece >= PAGE_BYTES:
            try:
                os.posix_fallocate(file.fileno(), size, piece)
            except OSError:
                piece //= 2
            else:
                size += piece
