"""The bucket's rule, its headers, and a Redis that is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.rate_limit import Bucket, RedisLimiter, go_duration
from api.http.metrics import LIMITER_OPEN
from infra.redis import RedisUnavailable
from tests.unit.api.world import World


@given(st.integers(1, 50), st.lists(st.integers(0, 5_000_000), max_size=200))
def test_a_bucket_never_gives_more_than_it_has(capacity: int, pauses_us: list[int]) -> None:
    bucket = Bucket.per_minute(capacity)
    now = full_at = 10**15
    taken: list[int] = []
    for pause in pauses_us:
        now += pause
        allowed, full_at = bucket.take(full_at, now)
        if allowed:
            taken.append(now)
        in_window = sum(1 for at in taken if now - 60_000_000 < at <= now)
        assert in_window <= 2 * capacity
        assert full_at - now <= capacity * bucket.per_token_us


@given(st.integers(1, 100), st.integers(0, 120))
def test_as_many_at_once_as_in_a_minute(capacity: int, asked: int) -> None:
    bucket = Bucket.per_minute(capacity)
    full_at, allowed = 0, 0
    for _ in range(asked):
        yes, full_at = bucket.take(full_at, 10**15)
        allowed += yes
    assert allowed == min(asked, capacity)


def test_a_token_comes_back_with_time() -> None:
    bucket = Bucket.per_minute(60)
    full_at = 0
    for _ in range(60):
        _, full_at = bucket.take(full_at, 10**15)
    refused, full_at = bucket.take(full_at, 10**15)
    assert not refused
    admission = bucket.admission(refused, full_at - 10**15)
    assert (admission.remaining, admission.reset_s, admission.retry_after_s) == (0, 60.0, 1.0)
    assert bucket.take(full_at, 10**15 + 1_000_000)[0]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0ms"), (0.012, "12ms"), (0.9996, "1s"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"), (3661.25, "1h1m1.25s")],
)
def test_durations_are_written_as_go_does(seconds: float, shown: str) -> None:
    assert go_duration(seconds) == shown


async def test_headers_and_refusals(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.allow(2)
    first = await alice.get("/v1/models")
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "30s"
    await alice.get("/v1/models")
    refused = await alice.get("/v1/models")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


class AwayScripts:
    """A Redis that is away."""

    async def load(self, script: str) -> None:
        """Not now."""

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        raise RedisUnavailable("away")


async def test_without_redis_requests_are_let_through_and_counted() -> None:
    limiter = RedisLimiter(AwayScripts(), 1)  # type: ignore[arg-type]  # it has what a limiter asks of scripts
    await limiter.start()
    before = LIMITER_OPEN._value.get()
    for _ in range(3):
        admission = await limiter.admit("key")
        assert admission.allowed
        assert not admission.limited
    assert LIMITER_OPEN._value.get() == before + 3
