"""What a keeper does with lives that end, hang, or are taken over, in virtual time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from infra.stack import keeper as keeper_module
from infra.stack import spare as spare_module
from infra.stack import watching
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec, Unwell
from infra.stack.keeper import STAND_IN_START_S, Keeper
from infra.stack.layout import Layout
from infra.stack.process import Process
from infra.stack.spare import PAUSE_S, SpareKeeper
from infra.stack.watching import HEALTH_INTERVAL_S
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
        return self._hosted(made)

    def spare(self, spec: ChildSpec) -> SpareKeeper:
        made = SpareKeeper(spec, self.layout, lambda: None, Backoff())
        self._hosted(made)
        return made

    def _hosted(self, made: Keeper) -> Keeper:
        def start() -> Process:
            process = FakeProcess()
            self.started.append((asyncio.get_running_loop().time(), made.spec.name, process))
            return process  # type: ignore[return-value]

        made._start = start  # type: ignore[method-assign]
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


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    layout = Layout.at(tmp_path / "state")
    layout.create()

    def virtual_s() -> float:
        return asyncio.get_running_loop().time()

    monkeypatch.setattr(keeper_module, "monotonic_s", virtual_s)
    monkeypatch.setattr(watching, "monotonic_s", virtual_s)
    monkeypatch.setattr(spare_module, "now_us", lambda: EPOCH_US + int(virtual_s() * 1e6))
    return Host(layout)


def child(name: str = "worker-0", **fields: object) -> ChildSpec:
    made = ChildSpec(name, name.partition("-")[0], (), {"VERBATIM_LIFESIGN": f"/run/{name}.beat"}, Path("/"))
    return replace(made, **{"hung_after_s": 2.0, **fields})  # type: ignore[arg-type]


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


def test_the_first_restart_comes_at_once_and_later_ones_wait_longer(host: Host) -> None:
    keeper = host.keeper(child())

    async def story() -> None:
        for expected in (0, 0.25, 0.5, 1):
            await asyncio.sleep(3)
            died_s, lives = now_s(), len(host.started)
            host.latest("worker-0").die()
            await until(host.more_than(lives))
            assert now_s() - died_s == pytest.approx(expected, abs=0.05)
        await asyncio.sleep(15)
        host.latest("worker-0").die()
        await asyncio.sleep(0.05)
        assert len(host.started) == 6, "after a healthy while it is the first restart again"

    kept(host, [keeper], story)


def test_a_silent_child_is_killed_and_started_again(host: Host) -> None:
    keeper = host.keeper(child())
    noted: list[float] = []

    async def story() -> None:
        host.silent.add("worker-0")
        noted.append(now_s())
        await until(lambda: len(host.started) == 2)
        host.silent.clear()

    kept(host, [keeper], story)
    assert host.started[0][2].ended
    assert 2.0 <= host.lives("worker-0")[1] - noted[0] < 3.0


def test_a_silent_child_that_is_starved_gets_more_time(host: Host) -> None:
    keeper = host.keeper(child())

    async def story() -> None:
        host.latest("worker-0").busy = True
        host.silent.add("worker-0")
        await asyncio.sleep(8)
        assert len(host.started) == 1
        host.silent.clear()
        await asyncio.sleep(1)

    kept(host, [keeper], story)
    assert len(host.started) == 1


def test_a_spare_takes_over_at_once_and_is_replaced(host: Host) -> None:
    spare = host.spare(child("spare-0", takes_orders=True, is_required=False))
    worker = host.keeper(child(), spare.stand_in)

    async def story() -> None:
        await asyncio.sleep(5)
        waiting, died_s = host.latest("spare-0"), now_s()
        host.latest("worker-0").die()
        await asyncio.sleep(0.01)
        assert worker.pid == waiting.pid
        assert spare.pid is None
        await asyncio.sleep(0.6)
        assert worker.state == "ready"
        assert json.loads(waiting.told[0])["instance"] == "worker-0"
        await asyncio.sleep(PAUSE_S + 0.5)
        assert spare.state == "ready"
        assert host.lives("spare-0")[-1] - died_s == pytest.approx(PAUSE_S, abs=0.1)
        assert not waiting.ended

    kept(host, [worker, spare], story)
    assert len(host.lives("worker-0")) == 1  # the second life was the spare's


def test_a_hung_worker_is_replaced_by_the_spare(host: Host) -> None:
    spare = host.spare(child("spare-0", takes_orders=True, is_required=False))
    worker = host.keeper(child(), spare.stand_in)

    async def story() -> None:
        await asyncio.sleep(5)
        waiting, hung = host.latest("spare-0"), host.latest("worker-0")
        host.silent.add("worker-0")
        await until(lambda: worker.pid == waiting.pid)
        host.silent.clear()
        assert hung.ended
        await asyncio.sleep(1)
        assert worker.state == "ready"

    kept(host, [worker, spare], story)


@pytest.mark.parametrize("trouble", ["starting", "silent", "deaf", "gone"])
def test_without_a_spare_that_can_hear_the_worker_is_started_anew(host: Host, trouble: str) -> None:
    spare = host.spare(child("spare-0", takes_orders=True, is_required=False, hung_after_s=9.0))
    worker = host.keeper(child(), spare.stand_in)

    async def story() -> None:
        match trouble:
            case "silent":
                await asyncio.sleep(2)
                host.silent.add("spare-0")
                await asyncio.sleep(2)
            case "deaf":
                await asyncio.sleep(2)
                host.latest("spare-0").hears = False
            case "gone":
                await asyncio.sleep(2)
                host.latest("spare-0").die()
        host.latest("worker-0").die()
        await asyncio.sleep(0.01)

    if trouble == "starting":
        host.silent.add("spare-0")
    kept(host, [worker, spare], story)
    assert len(host.lives("worker-0")) == 2


def test_a_stand_in_that_does_not_beat_is_given_up_soon(host: Host) -> None:
    spare = host.spare(child("spare-0", takes_orders=True, is_required=False))
    worker = host.keeper(child(), spare.stand_in)

    async def story() -> None:
        await asyncio.sleep(2)
        host.silent.add("worker-0")
        died_s = now_s()
        host.latest("worker-0").die()
        await until(lambda: len(host.lives("worker-0")) == 2)
        assert now_s() - died_s < STAND_IN_START_S + 0.5
        host.silent.clear()
        await asyncio.sleep(1)
        assert worker.state == "ready"

    kept(host, [worker, spare], story)


def test_two_that_die_together_get_one_spare(host: Host) -> None:
    spare = host.spare(child("spare-0", takes_orders=True, is_required=False))
    workers = [host.keeper(child(f"worker-{n}"), spare.stand_in) for n in (0, 1)]

    async def story() -> None:
        await asyncio.sleep(2)
        host.latest("worker-0").die()
        host.latest("worker-1").die()
        await asyncio.sleep(1)
        assert [worker.state for worker in workers] == ["ready", "ready"]

    kept(host, [*workers, spare], story)
    assert sorted(len(host.lives(f"worker-{n}")) for n in (0, 1)) == [1, 2]


def test_a_restart_on_request_is_graceful_and_counts_as_no_failure(host: Host) -> None:
    keeper = host.keeper(child())

    async def story() -> None:
        for _ in range(6):
            await keeper.restart()
            await asyncio.sleep(0.5)
        assert keeper.state == "ready"
        assert keeper.restarts == 6

    kept(host, [keeper], story)
    assert {process.reason for _, _, process in host.started} == {"exited with code 0"}


def test_a_child_that_drains_in_silence_is_not_taken_for_hung(host: Host) -> None:
    keeper = host.keeper(child(stop_grace_s=20.0))

    async def story() -> None:
        host.silent.add("worker-0")
        host.latest("worker-0").drains_s = 10.0
        await keeper.restart()
        host.silent.clear()
        await until(lambda: len(host.started) == 2)

    kept(host, [keeper], story)
    assert host.started[0][2].reason == "exited with code 0"


class Answers:
    """A server's health that does as `mood` says."""

    def __init__(self) -> None:
        self.mood = "well"

    async def check(self) -> None:
        match self.mood:
            case "slow":
                await asyncio.sleep(8)  # less than a query may take
            case "unwell":
                raise Unwell("out of memory")
            case "silent":
                await asyncio.sleep(1000)
            case "refuses":
                raise ConnectionRefusedError("refused")

    def close(self) -> None:
        """It holds nothing."""


def server(health: Answers) -> ChildSpec:
    return child("kafka", health=health, unanswered_after_s=30.0, is_server=True)


@pytest.mark.parametrize("mood", ["slow", "unwell"])
def test_a_server_that_answers_slowly_or_badly_is_shown_and_spared(host: Host, mood: str) -> None:
    health = Answers()
    keeper = host.keeper(server(health))

    async def story() -> None:
        health.mood = mood
        await asyncio.sleep(300)
        assert (keeper.state, len(host.started)) == ("unwell" if mood == "unwell" else "ready", 1)
        health.mood = "well"
        await asyncio.sleep(2 * HEALTH_INTERVAL_S + 8)
        assert keeper.state == "ready"

    kept(host, [keeper], story)
    assert len(host.started) == 1


@pytest.mark.parametrize("mood", ["silent", "refuses"])
def test_a_server_that_answers_nothing_is_killed_and_started_again(host: Host, mood: str) -> None:
    health = Answers()
    keeper = host.keeper(server(health))
    took: list[float] = []

    async def story() -> None:
        health.mood, began_s = mood, now_s()
        await until(lambda: len(host.started) == 2)
        took.append(now_s() - began_s)
        health.mood = "well"
        await asyncio.sleep(20)
        assert keeper.state == "ready"

    kept(host, [keeper], story)
    assert host.started[0][2].ended
    assert 30 <= took[0] < 60
