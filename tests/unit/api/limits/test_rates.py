"""The rules of limits: never above them, the smallest wins, and what the log fills in is never too little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.demands import estimated_tokens, message_draws, rates_of, slots_of, smallest
from api.access.rates import (
    HOUR_US,
    MINUTE_US,
    Bucket,
    Draw,
    Kind,
    Left,
    Rate,
    Slots,
    Taken,
    corrected,
    go_duration,
    has_room,
    tightest,
)
from infra.tiers.limited import Limited
from infra.tiers.tier import Limits, Tier

START_US = 10**15


def rate(limit: int, period_us: int = MINUTE_US, kind: Kind = "requests", subject: str = "user:u") -> Rate:
    return Rate(subject, kind, limit, period_us)


def admitted(limits: Rate, asked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(when, how much) of what a bucket gives to (pause, amount)."""
    now, bucket, given_ = START_US, Bucket(0.0, START_US), []
    for pause_us, amount in asked:
        now += pause_us
        level = bucket.level(limits, now)
        if has_room(limits, level, amount):
            bucket = Bucket(level + amount, now)
            given_.append((now, amount))
    return given_


asks = st.lists(st.tuples(st.integers(0, HOUR_US // 4), st.integers(1, 8)), max_size=80)


@given(st.integers(1, 50), st.sampled_from([MINUTE_US, HOUR_US]), asks)
def test_in_no_stretch_of_time_more_than_the_limit_and_what_filled_up_in_it(
    limit: int, period_us: int, asked: list[tuple[int, int]]
) -> None:
    limits = rate(limit, period_us)
    taken = admitted(limits, asked)
    for first, (begin, _) in enumerate(taken):
        total = 0
        for end, amount in taken[first:]:
            total += amount
            assert total <= limit + (end - begin) * limit / period_us + 1e-3


@given(st.integers(1, 50), asks, st.integers(0, HOUR_US))
def test_what_was_taken_in_the_last_period_is_never_less_than_what_is_missing(
    limit: int, asked: list[tuple[int, int]], later_us: int
) -> None:
    """So a bucket that is filled from the log gives nobody more than the lost one would have."""
    limits = rate(limit, HOUR_US)
    taken = admitted(limits, asked)
    bucket = Bucket(0.0, START_US)
    for at, amount in taken:
        bucket = Bucket(bucket.level(limits, at) + amount, at)
    now = (taken[-1][0] if taken else START_US) + later_us
    in_the_last_hour = sum(amount for at, amount in taken if now - HOUR_US < at)
    assert bucket.level(limits, now) <= in_the_last_hour + 1e-3


@given(st.integers(1, 100), st.integers(0, 120))
def test_as_many_at_once_as_in_a_period(limit: int, asked: int) -> None:
    assert len(admitted(rate(limit), [(0, 1)] * asked)) == min(asked, limit)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_who_waits_as_long_as_was_told_is_admitted(limit: int, amount: int) -> None:
    limits = rate(limit, HOUR_US)
    amount = min(amount, limit)
    left = Left.of(Draw(limits, amount), float(limit), allowed=False)
    assert left.remaining == 0
    later = Bucket(float(limit), START_US).level(limits, START_US + round(left.wait_s * 1e6) + 1)
    assert has_room(limits, later, amount)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    assert Bucket(3.0, START_US).level(rate(60), START_US - HOUR_US) == 3.0


@given(st.floats(0, 200), st.floats(-1000, 1000))
def test_a_correction_has_bounds(level: float, by: float) -> None:
    assert 0 <= corrected(rate(100), level, by) <= 200


limit_or_none = st.one_of(st.none(), st.integers(1, 9))
limits_drawn = st.builds(
    Limits,
    requests_per_minute=limit_or_none,
    messages_per_hour=limit_or_none,
    tokens_per_minute=limit_or_none,
    concurrent_streams=limit_or_none,
)


@given(limits_drawn, limits_drawn)
def test_the_smallest_wins(one: Limits, other: Limits) -> None:
    both = smallest(one, other)
    assert both == smallest(other, one) == smallest(both, one)
    for name in Limits.__dataclass_fields__:
        values = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        assert getattr(both, name) == (min(values) if values else None)


def test_a_user_their_key_and_their_organisation_are_limited_apart() -> None:
    tier = Tier(
        name="t",
        user=Limits(messages_per_hour=10, concurrent_streams=3),
        key=Limits(requests_per_minute=5, concurrent_streams=2),
        organisation=Limits(tokens_per_minute=100),
    )
    limited = Limited(user_id="u", key_id="k", organisation_id="o", tier="t", key_limits=Limits(requests_per_minute=4))
    assert rates_of(limited, tier) == (
        Rate("user:u", "messages", 10, HOUR_US),
        Rate("key:k", "requests", 4, MINUTE_US),
        Rate("organisation:o", "tokens", 100, MINUTE_US),
    )
    assert rates_of(limited, tier, "requests") == (Rate("key:k", "requests", 4, MINUTE_US),)
    assert [(draw.rate.kind, draw.amount) for draw in message_draws(limited, tier, 70)] == [
        ("messages", 1),
        ("tokens", 70),
    ]
    assert slots_of(limited, tier) == (Slots("user:u", 3), Slots("key:k", 2))
    assert rates_of(Limited(user_id="u"), tier) == (Rate("user:u", "messages", 10, HOUR_US),)


def test_of_several_limits_the_tightest_is_told() -> None:
    kinds: frozenset[Kind] = frozenset({"requests", "messages"})
    roomy, tight = Left(rate(100), 90, 6.0, 0.0), Left(rate(10, HOUR_US, "messages"), 2, 99.0, 0.0)
    tokens = Left(rate(10, kind="tokens"), 0, 1.0, 0.0)
    assert tightest((roomy, tight, tokens), kinds) is tight
    refusing = Left(rate(5), 3, 1.0, 2.0)
    assert tightest((tight, refusing), kinds) is refusing
    assert tightest((tokens,), kinds) is None


def test_what_refuses() -> None:
    short, long = Left(rate(1), 0, 9.0, 2.0), Left(rate(1), 0, 9.0, 5.0)
    full = Slots("user:u", 2)
    assert Taken(False, (short, long), (2,)).refusing((full,)) is long
    assert Taken(False, (Left(rate(1), 1, 0.0, 0.0),), (2,)).refusing((full,)) is full
    assert Taken(True, (short,), (2,)).refusing((full,)) is None


def test_tokens_are_reserved_by_what_is_asked_for_or_a_guess() -> None:
    limits = (rate(500, kind="tokens"), rate(3))
    assert estimated_tokens(10, 20, 4096, 1, ()) == 30
    assert estimated_tokens(10, 20, 4096, 3, limits) == 70
    assert estimated_tokens(10, 9999, 4096, 1, limits) == 4106
    assert estimated_tokens(10, None, 4096, 1, ()) == 1034
    assert estimated_tokens(10, None, 4096, 1, limits) == 500, "a guess makes no request too large"
    assert estimated_tokens(600, None, 4096, 1, limits) == 600


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0ms"), (0.012, "12ms"), (0.9996, "1s"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"), (3661.25, "1h1m1.25s")],
)
def test_durations_are_written_as_go_does(seconds: float, shown: str) -> None:
    assert go_duration(seconds) == shown
