"""Keepers of fake processes, in virtual time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.stack import keeper as keeper_module
from infra.stack import spare as spare_module
from infra.stack import watching
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec
from infra.stack.job import JobKeeper
from infra.stack.keeper import Keeper
from infra.stack.layout import Layout
from infra.stack.process import Process
from infra.stack.spare import SpareKeeper
from tests.sim.virtual_time import EPOCH_US, VirtualLoop, run


class FakeProcess:
    """A process that beats by touching nothing: `beats` says whether its sign is there."""

    numbers = iter(range(1000, 10**6))

    def __init__(self, *, hears: bool = True) -> None:
        self.pid = next(self.numbers)
        self.ended = False
        self.reason = ""
        self.told: list[str] = []
        self.hears = hears
        self.busy = False
        self.drains_s = 0.3
        self.told_to_end = False
        self._end = asyncio.Event()

    def die(self, reason: str = "killed by SIGKILL") -> None:
        self.ended, self.reason = True, reason
        self._end.set()

    async def wait(self) -> str:
        await self._end.wait()
        return self.reason

    async def kill(self) -> None:
        if not self.ended:
            self.die()

    async def stop(self, grace_s: float) -> None:
        self.told_to_end = True
        await asyncio.sleep(min(grace_s, self.drains_s))
        if not self.ended:
            self.die("exited with code 0")

    def tell(self, line: str) -> bool:
        self.told.append(line)
        return self.hears and not self.ended

    def wants_cpu_or_disk(self) -> bool:
        return self.busy


@dataclass
class Host:
    """Starts fake processes in place of real ones, and beats for those that are not `silent`."""

    layout: Layout
    started: list[tuple[float, str, FakeProcess]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    def keeper(self, spec: ChildSpec, stand_in: Callable[[ChildSpec], Process | None] | None = None) -> Keeper:
        made = Keeper(spec, self.layout, lambda: None, Backoff(), stand_in)
        return self.hosted(made)

    def spare(self, spec: ChildSpec) -> SpareKeeper:
        made = SpareKeeper(spec, self.layout, lambda: None, Backoff())
        self.hosted(made)
        return made

    def job(self, spec: ChildSpec) -> JobKeeper:
        made = JobKeeper(spec, self.layout, lambda: None)
        self.hosted(made)
        return made

    def hosted(self, made: Keeper) -> Keeper:
        """The keeper, whose processes are fakes from now on."""

        def start() -> Process:
            process = FakeProcess()
            self.started.append((asyncio.get_running_loop().time(), made.spec.name, process))
            return process  # type: ignore[return-value]  # a FakeProcess does what a keeper asks of one

        made._start = start  # type: ignore[method-assign]  # the one place where processes begin
        return made

    async def beat(self) -> None:
        """Every child beats every half second, in virtual wall-clock time."""
        while True:
            stamp = (EPOCH_US + int(asyncio.get_running_loop().time() * 1e6)) * 1000
            for name in {name for _, name, process in self.started} | {"worker-0"}:
                if name not in self.silent:
                    sign = self.layout.sign_of(name)
                    sign.touch()
                    os.utime(sign, ns=(stamp, stamp))
            await asyncio.sleep(0.5)

    def lives(self, name: str) -> list[float]:
        """When each process of this child was started."""
        return [at_s for at_s, started, _ in self.started if started == name]

    def more_than(self, lives: int) -> Callable[[], bool]:
        return lambda: len(self.started) > lives

    def latest(self, name: str) -> FakeProcess:
        return next(process for _, started, process in reversed(self.started) if started == name)


def virtual_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose keepers and spares read the loop's clock, until the test ends."""
    layout = Layout.at(tmp_path / "state")
    layout.create()

    def virtual_s() -> float:
        return asyncio.get_running_loop().time()

    monkeypatch.setattr(keeper_module, "monotonic_s", virtual_s)
    monkeypatch.setattr(watching, "monotonic_s", virtual_s)
    monkeypatch.setattr(spare_module, "now_us", lambda: EPOCH_US + int(virtual_s() * 1e6))
    return Host(layout)


def child(name: str = "worker-0", **fields: Any) -> ChildSpec:
    made = ChildSpec(name, name.partition("-")[0], (), {"VERBATIM_LIFESIGN": f"/run/{name}.beat"}, Path("/"))
    return replace(made, **{"hung_after_s": 2.0, **fields})


def kept(host: Host, keepers: list[Keeper], story: Callable[[], Awaitable[None]]) -> None:
    """Run the keepers in virtual time, tell the story, stop them."""

    async def everything() -> None:
        async with asyncio.TaskGroup() as tasks:
            beats = tasks.create_task(host.beat())
            for keeper in keepers:
                tasks.create_task(keeper.run())
            await keepers[0].until_ready()
            await story()
            for keeper in keepers:
                await keeper.stop()
            beats.cancel()

    run(VirtualLoop(Random(7)), everything())


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def until(true: Callable[[], bool], most_s: float = 200.0) -> None:
    """Wait, in virtual time."""
    for _ in range(int(most_s / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {most_s:g} s")
