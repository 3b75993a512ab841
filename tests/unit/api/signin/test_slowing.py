"""Tries to sign in slow down, in virtual time, and nobody is locked out for good."""

from __future__ import annotations

import pytest

from api.signin.slowing import ACCOUNT, ADDRESS, FORGOTTEN_AFTER_S, MAX_KEPT, LocalTries, Pace, Tries


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tries(clock: Clock) -> Tries:
    return Tries(None, local=LocalTries(clock))


def test_the_delay_doubles_up_to_a_bound() -> None:
    pace = Pace(free=3, most_s=20)
    assert [pace.delay_s(count) for count in range(10)] == [0, 0, 0, 0, 1, 2, 4, 8, 16, 20]
    assert pace.delay_s(10**9) == 20


async def test_an_account_slows_down_whatever_the_address(tries: Tries, clock: Clock) -> None:
    for n in range(ACCOUNT.free):
        assert await tries.begin("alice", f"10.0.0.{n}") == 0
    assert await tries.begin("alice", "10.0.1.1") == 0
    assert await tries.begin("alice", "10.0.1.2") == pytest.approx(1)
    assert await tries.begin("bob", "10.0.1.2") == 0, "another account is not slower"
    clock.s += 1
    assert await tries.begin("alice", "10.0.1.3") == 0
    assert await tries.begin("alice", "10.0.1.4") == pytest.approx(2)


async def test_who_comes_too_early_waits_no_longer_for_it(tries: Tries, clock: Clock) -> None:
    for _ in range(ACCOUNT.free + 3):
        clock.s += await tries.begin("alice", "10.0.0.1")
        await tries.begin("alice", "10.0.0.1")
    wait_s = await tries.begin("alice", "10.0.0.1")
    for _ in range(100):
        assert await tries.begin("alice", "10.0.0.1") == wait_s


async def test_nobody_is_locked_out_for_good(tries: Tries, clock: Clock) -> None:
    for _ in range(1000):
        wait_s = await tries.begin("alice", "10.0.0.1")
        assert wait_s <= max(ACCOUNT.most_s, ADDRESS.most_s)
        clock.s += wait_s
    # From another address only the account's own bound counts.
    assert await tries.begin("alice", "192.0.2.1") <= ACCOUNT.most_s
    clock.s += ACCOUNT.most_s
    assert await tries.begin("alice", "192.0.2.1") == 0


async def test_an_hour_of_quiet_begins_anew(tries: Tries, clock: Clock) -> None:
    for _ in range(ACCOUNT.free + 6):
        clock.s += await tries.begin("alice", "10.0.0.1")
    clock.s += FORGOTTEN_AFTER_S + 60
    for _ in range(ACCOUNT.free):
        assert await tries.begin("alice", "10.0.0.1") == 0


async def test_success_is_forgiven(tries: Tries, clock: Clock) -> None:
    for _ in range(ACCOUNT.free + 1):
        await tries.begin("alice", "10.0.0.1")
    assert await tries.begin("alice", "10.0.0.1") > 0
    clock.s += 1
    assert await tries.begin("alice", "10.0.0.1") == 0
    await tries.forgive("alice", "10.0.0.1")
    for _ in range(ACCOUNT.free):
        assert await tries.begin("alice", "10.0.0.1") == 0


async def test_an_address_that_tries_many_names_slows_down(tries: Tries) -> None:
    waits = [await tries.begin(f"user {n}", "10.0.0.1") for n in range(ADDRESS.free + 2)]
    assert waits[: ADDRESS.free + 1] == [0] * (ADDRESS.free + 1)
    assert waits[-1] > 0
    assert await tries.begin("user 1", "10.0.0.2") == 0


async def test_an_ipv6_customer_is_one_address(tries: Tries) -> None:
    waits = [await tries.begin(f"user {n}", f"2001:db8::{n:x}") for n in range(ADDRESS.free + 2)]
    assert waits[-1] > 0


async def test_many_at_once_are_as_slow_as_one_after_another(tries: Tries) -> None:
    begun = [await tries.begin("alice", "10.0.0.1") for _ in range(100)]
    assert begun.count(0) == ACCOUNT.free + 1, "counted when they begin, not when they fail"


async def test_what_is_kept_is_bounded(clock: Clock) -> None:
    local = LocalTries(clock)
    for n in range(MAX_KEPT):
        local.begin((f"account:{n}", f"address:{n}"))
    assert len(local._counts) == MAX_KEPT
