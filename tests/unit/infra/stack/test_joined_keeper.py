"""When agents that share a process get one each, in virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from infra.exits import newer_note
from infra.stack.backoff import Backoff
from infra.stack.joined_keeper import JoinedKeeper
from infra.stack.keeper import FIRST_TRIES, MANY_TRIES, Keeper
from tests.unit.infra.stack.keeper_host import Host, child, kept, until, virtual_host

NAME = "agents-0"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return virtual_host(tmp_path, monkeypatch)


@pytest.fixture
def parted() -> list[Keeper]:
    return []


@pytest.fixture
def keeper(host: Host, parted: list[Keeper]) -> JoinedKeeper:
    spec = child(NAME, carries=(child("conversation-0"), child("projector-0")))
    made = JoinedKeeper(spec, host.layout, lambda: None, Backoff(), parted.append)
    host.hosted(made)
    return made


def test_a_process_that_dies_now_and_then_starts_again(host: Host, keeper: JoinedKeeper, parted: list[Keeper]) -> None:
    async def story() -> None:
        for _ in range(MANY_TRIES + 1):
            lives = len(host.started)
            host.latest(NAME).die()
            await until(host.more_than(lives))
            await asyncio.sleep(20)  # a healthy while

    kept(host, [keeper], story)
    assert parted == []
    assert keeper.restarts == MANY_TRIES + 1


def test_one_that_cannot_stay_up_parts(host: Host, keeper: JoinedKeeper, parted: list[Keeper]) -> None:
    def came_back_or_parted(lives: int) -> bool:
        return bool(parted) or len(host.started) > lives

    async def story() -> None:
        for _ in range(MANY_TRIES):
            lives = len(host.started)
            await asyncio.sleep(0.6)
            host.latest(NAME).die()
            await until(partial(came_back_or_parted, lives))
        await asyncio.sleep(100)

    kept(host, [keeper], story)
    assert parted == [keeper]
    assert len(host.started) == MANY_TRIES
    assert keeper.trouble == "", "each agent tells of its own"


def test_a_record_of_a_newer_release_parts_them_at_once(host: Host, keeper: JoinedKeeper, parted: list[Keeper]) -> None:
    async def story() -> None:
        newer_note(host.layout.sign_of(NAME)).write_text("conversation-events:0@7: newer")
        host.latest(NAME).die("exited with code 3")
        await asyncio.sleep(100)

    kept(host, [keeper], story)
    assert parted == [keeper]
    assert len(host.started) == 1


def test_a_restart_keeps_them_together_and_a_request_parts_them(
    host: Host, keeper: JoinedKeeper, parted: list[Keeper]
) -> None:
    async def story() -> None:
        await keeper.restart()
        await until(host.more_than(1))
        await asyncio.sleep(2)
        assert parted == []
        await keeper.part()
        await asyncio.sleep(2)

    kept(host, [keeper], story)
    assert parted == [keeper]
    assert host.latest(NAME).reason == "exited with code 0"


def test_requested_restarts_are_no_ends_that_part_them(host: Host, keeper: JoinedKeeper, parted: list[Keeper]) -> None:
    async def story() -> None:
        for _ in range(MANY_TRIES - 1):
            lives = len(host.started)
            await asyncio.sleep(0.6)
            host.latest(NAME).die()
            await until(host.more_than(lives))
        await asyncio.sleep(0.6)
        lives = len(host.started)
        await keeper.restart()
        await until(host.more_than(lives))
        await asyncio.sleep(20)

    kept(host, [keeper], story)
    assert parted == []
    assert len(host.started) == MANY_TRIES + 1


def test_an_agent_that_goes_on_alone_is_never_given_up(host: Host) -> None:
    silent = "conversation-0"
    host.silent.add(silent)
    part = host.keeper(child(silent))
    part.never_give_up()

    async def story() -> None:
        for _ in range(2 * FIRST_TRIES):
            await until(lambda: bool(host.started) and not host.started[-1][2].ended)
            host.latest(silent).die()
            await until(lambda: part.state == "waiting" or part.restarts == 1)
        assert part.state == "waiting"
        assert "in a row" in part.trouble

    kept(host, [part], story)


def test_a_stop_does_not_part_them(host: Host, keeper: JoinedKeeper, parted: list[Keeper]) -> None:
    async def story() -> None:
        await asyncio.sleep(1)

    kept(host, [keeper], story)
    assert parted == []
