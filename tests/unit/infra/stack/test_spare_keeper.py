"""When a spare takes over a life that ended, in virtual time, and what follows when it cannot."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from infra.stack.keeper import STAND_IN_START_S
from infra.stack.spare import PAUSE_S
from tests.unit.infra.stack.keeper_host import Host, child, kept, now_s, until, virtual_host


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return virtual_host(tmp_path, monkeypatch)


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
