"""A Redis that is away and comes back, and what the log fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api.access.buckets import BucketsAway, Correction, Lease, LocalBuckets
from api.access.limiting import RateLimits
from api.access.rates import Draw, Slots, Taken
from api.http.metrics import LIMITER_OPEN
from infra.cassandra.errors import StoreUnavailable
from infra.tiers.limited import Limited
from infra.tiers.tier import Limits, Tier, Tiers
from projections.identities.queries import Member

ALICE = Limited(user_id="alice", key_id="k", organisation_id="o")


@dataclass(slots=True)
class Shared:
    """Buckets that may be away."""

    buckets: LocalBuckets = field(default_factory=LocalBuckets)
    away: bool = False

    async def take(
        self,
        draws: Sequence[Draw],
        slots: Sequence[Slots] = (),
        lease: str = "",
        fills: Mapping[int, int] | None = None,
    ) -> Taken:
        return await self._there().take(draws, slots, lease, fills)

    async def settle(self, corrections: Sequence[Correction], lease: str, slots: Sequence[Slots]) -> None:
        await self._there().settle(corrections, lease, slots)

    async def renew(self, leases: Sequence[Lease]) -> None:
        await self._there().renew(leases)

    def _there(self) -> LocalBuckets:
        if self.away:
            raise BucketsAway("away")
        return self.buckets


@dataclass(slots=True)
class Ledger:
    """What was answered of late, by user."""

    answers: dict[str, int] = field(default_factory=dict)
    broken: bool = False
    asked: list[str] = field(default_factory=list)

    async def answers_since(self, user_id: str, since_us: int, until_us: int, most: int) -> int:
        if self.broken:
            raise StoreUnavailable("away")
        self.asked.append(user_id)
        return min(self.answers.get(user_id, 0), most)

    async def members(self, organisation_id: str, after: str, limit: int) -> list[Member]:
        return [Member("alice", "member"), Member("bob", "member")]


def limits(shared: Shared, ledger: Ledger, tier: Tier, processes: int = 1) -> RateLimits:
    tiers = Tiers({**Tiers().tiers, "default": tier})
    return RateLimits(shared, LocalBuckets(processes), ledger, tiers, per_address=5, tries=2)


async def message(of: RateLimits, limited: Limited = ALICE) -> bool:
    return (await of.admit_message(limited, 1, 1, 10, 1)).taken.allowed


def hourly(limit: int) -> Tier:
    return Tier(name="default", user=Limits(messages_per_hour=limit))


async def test_a_redis_that_has_lost_its_memory_gives_nobody_a_fresh_hour() -> None:
    shared, ledger = Shared(), Ledger()
    of = limits(shared, ledger, hourly(3))
    assert [await message(of) for _ in range(4)] == [True, True, True, False]
    ledger.answers["alice"] = 3
    shared.buckets = LocalBuckets()  # as after a restart
    assert not await message(of)


async def test_what_runs_counts_before_its_end_is_in_the_ledger() -> None:
    shared, ledger = Shared(), Ledger()
    of = limits(shared, ledger, hourly(2))
    assert await message(of) and await message(of)
    shared.buckets = LocalBuckets()
    assert not await message(of), "both are running here"


async def test_without_redis_a_process_has_its_part() -> None:
    shared = Shared(away=True)
    of = limits(shared, Ledger(), Tier(name="default", key=Limits(requests_per_minute=10)), processes=5)
    before = LIMITER_OPEN._value.get()
    taken = [await of.admit(ALICE) for _ in range(3)]
    assert [each.allowed for each in taken] == [True, True, False]
    assert all(each.away for each in taken)
    assert taken[-1].left[0].rate.limit == 2
    assert LIMITER_OPEN._value.get() == before + 3


async def test_hours_go_on_while_redis_is_away_and_when_it_is_back() -> None:
    shared, ledger = Shared(), Ledger()
    of = limits(shared, ledger, hourly(4))
    assert [await message(of) for _ in range(2)] == [True, True]
    shared.away, ledger.answers["alice"] = True, 0
    assert [await message(of) for _ in range(3)] == [True, True, False], "what runs here is known"
    shared.away = False
    shared.buckets = LocalBuckets()
    assert not await message(of)


async def test_a_second_outage_begins_with_what_the_log_tells_then() -> None:
    shared, ledger = Shared(away=True), Ledger()
    of = limits(shared, ledger, hourly(3))
    assert await message(of)
    shared.away = False
    await message(of)
    shared.away, ledger.answers["alice"] = True, 3
    assert not await message(of)


async def test_without_the_ledger_messages_are_let_through_by_what_is_known_and_asked_for_again() -> None:
    shared, ledger = Shared(), Ledger(broken=True)
    of = limits(shared, ledger, hourly(2))
    assert [await message(of) for _ in range(3)] == [True, True, False]
    ledger.broken = False
    ledger.answers["alice"] = 0
    assert not await message(of)
    assert ledger.asked


async def test_an_organisation_is_all_of_its_members() -> None:
    ledger = Ledger({"alice": 1, "bob": 2})
    of = limits(Shared(), ledger, Tier(name="default", organisation=Limits(messages_per_hour=4)))
    assert [await message(of) for _ in range(2)] == [True, False]
    assert sorted(ledger.asked) == ["alice", "bob"]


async def test_leases_stand_again_after_redis_was_away() -> None:
    shared = Shared()
    of = limits(shared, Ledger(), Tier(name="default", user=Limits(concurrent_streams=1)))
    admitted = await of.admit_message(ALICE, 1, 1, 10, 1)
    assert admitted.running is not None
    shared.away = True
    assert not await message(of), "the process knows its own leases"
    shared.away, shared.buckets = False, LocalBuckets()
    await of.settle()
    assert not await message(of)
    of.over(admitted.running, None)
    await of.settle()
    assert await message(of)


async def test_what_was_not_begun_is_given_back() -> None:
    of = limits(Shared(), Ledger(), hourly(1))
    admitted = await of.admit_message(ALICE, 1, 1, 10, 1)
    assert admitted.running is not None
    of.give_back(admitted.running)
    await of.settle()
    assert await message(of)


async def test_addresses_are_counted_by_their_network() -> None:
    of = limits(Shared(), Ledger(), hourly(1))
    tried = [(await of.admit_try(f"2001:db8::{last}")).allowed for last in range(3)]
    assert tried == [True, True, False]
    assert (await of.admit_address("2001:db8::1")).allowed, "other requests are counted apart"
    assert (await of.admit_try("192.0.2.1")).allowed
