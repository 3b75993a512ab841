"""What a keeper does with lives that end or hang, and with servers that do not answer, in virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from infra.exits import newer_note
from infra.stack.child import ChildSpec, Unwell
from infra.stack.watching import HEALTH_INTERVAL_S
from tests.sim.virtual_time import VirtualLoop, run
from tests.unit.infra.stack.keeper_host import Host, child, kept, now_s, until, virtual_host


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return virtual_host(tmp_path, monkeypatch)


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


NEWER = "exited with code 3"
NOTE = "token-chunks:0@12: this record was written by a newer release (schema id 45): upgrade"


def test_one_that_met_a_newer_record_is_tried_again_every_minute_and_never_given_up(host: Host) -> None:
    keeper = host.keeper(child())

    async def story() -> None:
        for lives in range(1, 6):
            await until(lambda: keeper.state == "ready")
            newer_note(host.layout.sign_of("worker-0")).write_text(NOTE + "\n")
            died_s = now_s()
            host.latest("worker-0").die(NEWER)
            await until(lambda: keeper.state == "waiting")
            assert keeper.detail == f"{NOTE}; started again in 60 s"
            await until(host.more_than(lives))
            assert now_s() - died_s == pytest.approx(60, abs=0.1)
            assert keeper.trouble == NOTE, "until a life lasts"
        await asyncio.sleep(11)
        assert keeper.trouble == ""

    kept(host, [keeper], story)


def test_a_newer_record_at_the_very_start_lets_the_stack_come_up(host: Host) -> None:
    keeper = host.keeper(child())
    host.silent.add("worker-0")

    async def dying() -> None:
        for lives in range(5):
            await until(host.more_than(lives))
            host.latest("worker-0").die(NEWER)

    async def everything() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keeper.run())
            tasks.create_task(dying())
            assert await keeper.until_ready() is None
            assert (keeper.state, len(host.started)) == ("waiting", 1)
            assert "newer release" in keeper.trouble
            await until(lambda: len(host.started) == 5, 300)
            assert keeper.state != "failed"
            await keeper.stop()

    run(VirtualLoop(Random(7)), everything())


def test_a_restart_on_request_ends_the_wait_at_once(host: Host) -> None:
    keeper = host.keeper(child(), stand_in=lambda _: pytest.fail("a stand-in may be as old"))

    async def story() -> None:
        host.latest("worker-0").die(NEWER)
        await until(lambda: keeper.state == "waiting")
        await keeper.restart()
        assert keeper.trouble == ""
        asked_s = now_s()
        await until(lambda: keeper.state == "ready")
        assert now_s() - asked_s < 1

    kept(host, [keeper], story)


def test_a_child_that_does_not_last_is_told_as_trouble_until_a_life_lasts(host: Host) -> None:
    keeper = host.keeper(child())

    async def story() -> None:
        for ended in range(1, 4):
            assert keeper.trouble == ""
            host.latest("worker-0").die()
            await until(host.more_than(ended))
            await until(lambda: keeper.state == "ready")
        assert keeper.trouble == "ended 3 times in a row"
        await asyncio.sleep(9)
        assert keeper.trouble
        await asyncio.sleep(2)
        assert keeper.trouble == ""
        host.latest("worker-0").die()
        await asyncio.sleep(1)
        assert keeper.trouble == "", "one end is none"

    kept(host, [keeper], story)


def test_a_server_that_exits_with_3_is_restarted_as_any_other(host: Host) -> None:
    keeper = host.keeper(child("redis", is_server=True))

    async def story() -> None:
        host.latest("redis").die(NEWER)
        await until(host.more_than(1), 2)

    kept(host, [keeper], story)
