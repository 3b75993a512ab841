"""How many streams keep their pace: found by doubling, then by halving what is between the last good and first bad."""

from __future__ import annotations

import time
from collections.abc import Mapping

from infra.cli.bench_figures import Spread
from infra.cli.bench_load import Load, Sample, Target, run_load

FIRST, MOST = 25, 1000
NEAR = 1.12
"""The first bad number is at most so many times the last good one: then it is found."""
TOKENS, GAP_S = 400, 0.02
RAMP_S = 2.0
LEAST_PACE, MOST_P99_MS = 0.98, 100.0
MAX_SEARCH_S = 150.0
"""After it no further number is tried: one takes about 12 s."""


def next_streams(tried: Mapping[int, bool]) -> int | None:
    """The number to try after these; None: `most_carried` is near enough."""
    good, bad = _between(tried)
    if bad is None:
        return None if good == MOST else min(max(good * 2, FIRST), MOST)
    if bad <= max(good, 1) * NEAR or bad - good <= 1:
        return None
    return (good + bad) // 2


def most_carried(tried: Mapping[int, bool]) -> int:
    """The largest number that was carried below the first that was not."""
    return _between(tried)[0]


def keeps_pace(streams: int, sample: Sample) -> bool:
    """Whether every token came, at 98 % of the pace or more, and 99 of 100 within MOST_P99_MS."""
    due_s = RAMP_S * (streams - 1) / streams + TOKENS * GAP_S
    took_s = sample.wall_ns / 1e9
    return (
        not sample.errors
        and sample.tokens == streams * TOKENS
        and due_s >= took_s * LEAST_PACE
        and Spread.of_ns(sample.latencies_ns).p99 <= MOST_P99_MS
    )


async def carried(target: Target) -> int:
    """How many streams `target`, one of 50 tokens/s each, carries; looked for MAX_SEARCH_S and one try at most."""
    tried: dict[int, bool] = {}
    until_s = time.monotonic() + MAX_SEARCH_S
    while (streams := next_streams(tried)) is not None and time.monotonic() < until_s:
        sample = await run_load(target, Load(streams, 1, TOKENS, RAMP_S))
        tried[streams] = keeps_pace(streams, sample)
    return most_carried(tried)


def _between(tried: Mapping[int, bool]) -> tuple[int, int | None]:
    """The first number that was not carried (None: all were), and the largest below it that was."""
    bad = min((streams for streams, holds in tried.items() if not holds), default=None)
    return max(
        (streams for streams, holds in tried.items() if holds and (bad is None or streams < bad)), default=0
    ), bad
