"""One suite for the buckets in Redis and those of one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.access.buckets import CANNOT_BE_TOLD, Buckets, Correction, Lease, LocalBuckets
from api.access.rates import HOUR_US, MINUTE_US, Draw, Rate, Slots
from api.access.redis_buckets import RedisBuckets
from infra.ids import draw_id, draw_secret
from infra.redis import RedisScripts
from infra.settings import Settings
from tests.eventually import eventually

LEASE_S = 0.5


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.stack)])
async def buckets(request: pytest.FixtureRequest) -> AsyncIterator[Buckets]:
    if request.param == "local":
        yield LocalBuckets(lease_s=LEASE_S)
        return
    settings: Settings = request.getfixturevalue("servers")
    scripts = RedisScripts(settings.redis.url.get_secret_value(), timeout_s=5.0)
    real = RedisBuckets(scripts, prefix=f"test:{draw_secret(6)}:", lease_s=LEASE_S)
    await real.start()
    try:
        yield real
    finally:
        await scripts.aclose()


def requests(limit: int) -> Rate:
    return Rate(f"key:{draw_id()}", "requests", limit, MINUTE_US)


def messages(limit: int) -> Rate:
    return Rate(f"user:{draw_id()}", "messages", limit, HOUR_US)


async def test_as_many_at_once_as_in_a_minute(buckets: Buckets) -> None:
    rate, other = requests(3), requests(3)
    taken = [await buckets.take([Draw(rate)]) for _ in range(4)]
    assert [each.allowed for each in taken] == [True, True, True, False]
    assert [each.left[0].remaining for each in taken] == [2, 1, 0, 0]
    assert taken[2].left[0].wait_s == 0
    assert 0 < taken[3].left[0].wait_s <= 20
    assert 20 < taken[3].left[0].reset_s <= 60
    assert taken[3].refusing() == taken[3].left[0]
    assert (await buckets.take([Draw(other)])).allowed


async def test_what_is_taken_comes_back_with_time(buckets: Buckets) -> None:
    rate = requests(600)
    assert (await buckets.take([Draw(rate, 600)])).allowed
    assert not (await buckets.take([Draw(rate, 20)])).allowed

    async def again() -> bool:
        return (await buckets.take([Draw(rate, 20)])).allowed

    came_back: bool = await eventually(again)
    assert came_back


async def test_all_or_nothing(buckets: Buckets) -> None:
    roomy, tight, slots = requests(100), requests(1), Slots(f"user:{draw_id()}", 1)
    assert (await buckets.take([Draw(roomy), Draw(tight)], [slots], "one")).allowed
    refused = await buckets.take([Draw(roomy), Draw(tight)], [slots], "two")
    assert not refused.allowed
    assert (refused.left[0].remaining, refused.left[0].wait_s) == (99, 0)
    assert refused.left[1].wait_s > 0
    assert refused.streams == (1,)
    # The slots alone refuse as well, and then no bucket is touched.
    full = await buckets.take([Draw(roomy)], [slots], "three")
    assert (full.allowed, full.left[0].remaining, full.refusing([slots])) == (False, 99, slots)


async def test_looking_takes_nothing(buckets: Buckets) -> None:
    rate, slots = requests(2), Slots(f"user:{draw_id()}", 2)
    await buckets.take([Draw(rate)], [slots], "one")
    for _ in range(3):
        seen = await buckets.take([Draw(rate, 0)], [slots])
        assert (seen.left[0].remaining, seen.streams) == (1, (1,))


async def test_another_limit_goes_on_with_what_is_missing(buckets: Buckets) -> None:
    small = requests(10)
    for _ in range(10):
        await buckets.take([Draw(small)])
    large = Rate(small.subject, small.kind, 100, small.period_us)
    assert (await buckets.take([Draw(large, 0)])).left[0].remaining == 90
    assert not (await buckets.take([Draw(Rate(small.subject, small.kind, 5, small.period_us))])).allowed


async def test_what_was_reserved_is_corrected(buckets: Buckets) -> None:
    tokens = Rate(f"user:{draw_id()}", "tokens", 1000, MINUTE_US)
    await buckets.take([Draw(tokens, 900)])
    await buckets.settle([Correction(tokens, -800)], "", ())
    assert 900 <= (await buckets.take([Draw(tokens, 0)])).left[0].remaining <= 1000
    await buckets.settle([Correction(tokens, 100_000)], "", ())
    refused = await buckets.take([Draw(tokens)])
    assert not refused.allowed
    assert refused.left[0].wait_s <= 61, "who was guessed wrongly waits a period at most"


async def test_a_bucket_of_an_hour_begins_with_what_the_log_tells(buckets: Buckets) -> None:
    rate, minute = messages(3), requests(9)
    asked = await buckets.take([Draw(minute), Draw(rate)])
    assert (asked.allowed, asked.unknown) == (False, (1,))
    first = await buckets.take([Draw(minute), Draw(rate)], fills={1: 2})
    assert (first.allowed, first.left[1].remaining) == (True, 0)
    assert first.left[0].remaining == 8, "asking the log took nothing"
    assert not (await buckets.take([Draw(rate)])).allowed, "and it is known from now on"


async def test_one_that_the_log_cannot_tell_is_asked_for_again(buckets: Buckets) -> None:
    rate = messages(3)
    assert (await buckets.take([Draw(rate)], fills={0: CANNOT_BE_TOLD})).allowed
    assert (await buckets.take([Draw(rate)])).unknown == (0,)
    filled = await buckets.take([Draw(rate)], fills={0: 3})
    assert not filled.allowed
    assert not (await buckets.take([Draw(rate)])).unknown


async def test_leases_end_are_given_back_and_renewed(buckets: Buckets) -> None:
    slots = Slots(f"user:{draw_id()}", 2)
    for lease in ("one", "two"):
        assert (await buckets.take([], [slots], lease)).allowed
    assert not (await buckets.take([], [slots], "three")).allowed
    await buckets.settle([], "one", [slots])
    assert (await buckets.take([], [slots], "three")).allowed

    async def only_what_is_renewed_goes_on() -> bool:
        await buckets.renew([Lease("three", (slots,))])
        return (await buckets.take([], [slots])).streams == (1,)

    ended: bool = await eventually(only_what_is_renewed_goes_on)
    assert ended
    await asyncio.gather(*(buckets.renew([Lease(lease, (slots,))]) for lease in ("four", "five")))
    assert (await buckets.take([], [slots])).streams == (3,), "what runs stands again, whatever is remembered of it"
