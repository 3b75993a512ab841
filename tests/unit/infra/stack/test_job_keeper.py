"""A job beside the stack: it says how far it is, is done once, is tried again after a kill, and may be asked again."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from infra.stack.job import LOOK_S, REFUSED, TRY_AGAIN, JobKeeper, Saying
from infra.stack.keeper import Keeper
from tests.unit.infra.stack.keeper_host import Host, child, kept, until, virtual_host

JOB = child("rebuild-0", is_required=False, hung_after_s=60.0)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return virtual_host(tmp_path, monkeypatch)


def job(host: Host) -> JobKeeper:
    return host.job(JOB)


def say(host: Host, line: str) -> None:
    Saying(host.layout.sign_of("rebuild-0").with_suffix(".said")).say(line)


def test_what_it_says_is_shown_and_its_end_stays_to_be_seen(host: Host) -> None:
    keeper = job(host)

    async def story() -> None:
        say(host, "usage: filling, 1 of 2")
        await asyncio.sleep(2 * LOOK_S)
        assert (keeper.state, keeper.detail) == ("working", "usage: filling, 1 of 2")
        say(host, "usage rebuilt")
        host.latest("rebuild-0").die("exited with code 0")
        await asyncio.sleep(600)
        assert (keeper.state, keeper.detail, keeper.pid) == ("done", "usage rebuilt", None)

    kept(host, [keeper], story)
    assert len(host.lives("rebuild-0")) == 1


@pytest.mark.parametrize("reason", ["killed by SIGKILL", "exited with code 1", f"exited with code {TRY_AGAIN}"])
def test_a_kill_a_crash_and_an_absent_server_cost_a_pause(host: Host, reason: str) -> None:
    keeper = job(host)

    async def story() -> None:
        for lives in range(1, 12):
            host.latest("rebuild-0").die(reason)
            await until(host.more_than(lives), most_s=400)
        assert keeper.restarts == 11

    kept(host, [keeper], story)
    at_s = host.lives("rebuild-0")
    pauses = [round(later - earlier) for earlier, later in pairwise(at_s)]
    assert pauses[0] < 2
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300


def test_what_is_refused_is_not_tried_again_until_somebody_asks(host: Host) -> None:
    keeper = job(host)

    async def story() -> None:
        say(host, "usage: differs from the log")
        host.latest("rebuild-0").die(f"exited with code {REFUSED}")
        await asyncio.sleep(3600)
        assert (keeper.state, keeper.detail) == ("failed", "usage: differs from the log")
        assert len(host.lives("rebuild-0")) == 1
        await keeper.restart()
        await until(host.more_than(1))
        await until(lambda: keeper.state == "working")

    kept(host, [keeper], story)


def test_one_that_hangs_is_killed_and_started_again(host: Host) -> None:
    keeper = job(host)

    async def story() -> None:
        first = host.latest("rebuild-0")
        host.silent.add("rebuild-0")
        await until(host.more_than(1))
        assert first.ended
        host.silent.clear()
        await until(lambda: keeper.state == "working")

    kept(host, [keeper], story)


def test_it_stops_with_the_stack_at_work_or_done(host: Host) -> None:
    keepers: list[Keeper] = [job(host)]

    async def story() -> None:
        await until(lambda: keepers[0].state == "working")

    kept(host, keepers, story)
    assert keepers[0].state == "stopped"
    assert host.latest("rebuild-0").ended


def test_a_line_in_passing_is_written_seldom_and_always_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.said"
    saying = Saying(file)
    saying.say("first")
    saying.say("too soon", in_passing=True)
    assert file.read_text() == "first\n"
    saying.say("x" * 10_000)
    assert len(file.read_text()) < 400
    Saying(None).say("nobody reads it")
