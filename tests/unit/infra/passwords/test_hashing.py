"""Passwords: argon2id, few at a time, hashed again when the parameters change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from infra.passwords.hashing import HashingFull, Parameters, Passwords, Verdict
from infra.passwords.rules import WeakPassword, checked_password, prepared
from tests.eventually import eventually

CHEAP = Parameters(time_cost=1, memory_kib=8, lanes=1)
PASSWORD = "a long enough one"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


async def test_only_a_hash_is_kept_and_only_its_password_fits(passwords: Passwords) -> None:
    kept = await passwords.hashed(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert PASSWORD not in kept
    assert await passwords.verdict(kept, PASSWORD) == Verdict(True)
    assert await passwords.verdict(kept, PASSWORD + " ") == Verdict(False)
    assert await passwords.hashed(PASSWORD) != kept, "each has a salt of its own"


async def test_a_password_of_nobody_and_a_damaged_hash_fit_nothing(passwords: Passwords) -> None:
    assert await passwords.verdict(None, "the password of no account") == Verdict(False)
    assert await passwords.verdict("$argon2id$damaged", PASSWORD) == Verdict(False)


async def test_other_parameters_hash_the_password_again(passwords: Passwords) -> None:
    kept = await passwords.hashed(PASSWORD)
    later = Passwords(Parameters(time_cost=2, memory_kib=16, lanes=1))
    verdict = await later.verdict(kept, PASSWORD)
    assert verdict.fits
    assert verdict.renewed is not None
    assert verdict.renewed.startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert await later.verdict(verdict.renewed, PASSWORD) == Verdict(True)
    assert await later.verdict(kept, "another one, wrong") == Verdict(False), "only a password that fits"
    later.close()


async def test_the_parameters_are_at_least_what_is_recommended() -> None:
    """OWASP's floor for argon2id: 19 MiB, two passes, one lane."""
    costs = Parameters()
    assert (costs.memory_kib, costs.time_cost, costs.lanes) >= (19_456, 2, 1)


async def test_who_comes_when_too_many_wait_is_told_so(passwords: Passwords) -> None:
    few = Passwords(CHEAP, threads=1, most_waiting=1)
    gate, entered = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        gate.wait(60)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(few._run(slow))
        await asyncio.to_thread(entered.wait, 60)
        second = tasks.create_task(few.hashed(PASSWORD))
        await asyncio.sleep(0)
        with pytest.raises(HashingFull):
            await few.hashed(PASSWORD)
        gate.set()
        assert (await second).startswith("$argon2id$")
    assert (await few.hashed(PASSWORD)).startswith("$argon2id$"), "their places are free again"
    few.close()


async def test_who_leaves_keeps_the_place_until_the_thread_is_done() -> None:
    few = Passwords(CHEAP, threads=1, most_waiting=0)
    gate, entered = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        gate.wait(60)

    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(few._run(slow))
        await asyncio.to_thread(entered.wait, 60)
        leaving.cancel()
    with pytest.raises(HashingFull):
        await few.hashed(PASSWORD)
    gate.set()
    await eventually(lambda: few._inside == 0)
    few.close()


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "x" * 257,
        "aaaaaaaaaaaa",
        "Password123",
        "1234567890",
        "with a \x00 in it",
        "alexandra1",
        "1234alexandra",
    ],
)
def test_what_is_weak_is_refused_and_not_repeated(weak: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        checked_password(weak, "alexandra")
    assert not weak or weak not in str(refused.value)


def test_a_password_is_the_same_from_every_keyboard() -> None:
    assert checked_password("pa\u0308ssword of mine", "bob") == prepared("p\u00e4ssword of mine")
    assert checked_password("alexandra likes to walk", "alexandra") == "alexandra likes to walk"
