"""A user's ledger in sums by day and model."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.embeddings.queries import embedding
from projections.reading import Tables
from projections.usage.fold import EMBEDDINGS_COMPUTED, month_of

DAY_US = 86_400_000_000
MAX_ROWS = 20_000
"""So many rows of the ledger are summed for one answer, the newest."""
_NAME = "usage"
_AT_ONCE = 32
_MONTH = (
    "SELECT at_us, generation_id, model, outcome_type, prompt_tokens, completion_tokens, currency, cost_micros,"
    " rerated_cost_micros FROM {usage} WHERE user_id = ? AND month = ? AND at_us >= ? AND at_us < ? LIMIT ?"
)
_MODEL, _TYPE = 2, 3


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What was used of a model on a day (days since 1970-01-01 UTC), in one currency; the newest price counts."""

    day: int
    model: str
    currency: str
    prompt_tokens: int
    completion_tokens: int
    generations: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """The sums, the newest day first. `since_us`: what was used before it is left out, for there was too much."""

    days: tuple[DayUsage, ...]
    since_us: int


async def daily_usage(tables: Tables, user_id: str, since_us: int, until_us: int) -> DailyUsage:
    """What the user used from `since_us` to `until_us` (excluded): of MAX_ROWS requests at most, whole days."""
    rows: list[Row] = []
    month, first = month_of(until_us - 1), month_of(since_us)
    while month >= first and len(rows) <= MAX_ROWS:
        left = MAX_ROWS + 1 - len(rows)
        rows += await tables.select(_NAME, _MONTH, (user_id, month, since_us, until_us, left))
        month = month - 1 if month % 100 > 1 else month - 100 + 11
    if len(rows) > MAX_ROWS:
        since_us = (rows[-1][0] // DAY_US + 1) * DAY_US
    # One that was re-rated before its own record came is counted once that is here.
    counted = [row for row in rows if row[0] >= since_us and row[_MODEL] is not None]
    return DailyUsage(summed(counted, await _repeated(tables, counted)), since_us)


def summed(rows: Iterable[Row], left_out: frozenset[tuple[str, int]]) -> tuple[DayUsage, ...]:
    """The sums of rows of the ledger. Pure."""
    sums: dict[tuple[int, str, str], list[int]] = {}
    for at_us, generation_id, model, _, prompt, completion, currency, cost, rerated in rows:
        if (generation_id, at_us) in left_out:
            continue
        day = sums.setdefault((-(at_us // DAY_US), model, currency), [0, 0, 0, 0])
        for nth, more in enumerate((prompt, completion, 1, cost if rerated is None else rerated)):
            day[nth] += more
    return tuple(DayUsage(-day, model, currency, *sum_) for (day, model, currency), sum_ in sorted(sums.items()))


async def _repeated(tables: Tables, rows: Iterable[Row]) -> frozenset[tuple[str, int]]:
    """Those records of requests for embeddings that another of the same id came before."""
    made = [(row[1], row[0]) for row in rows if row[_TYPE] == EMBEDDINGS_COMPUTED]
    several = [key for key, count in Counter(key for key, _ in made).items() if count > 1]
    firsts: dict[str, int] = {}
    for start in range(0, len(several), _AT_ONCE):
        some = several[start : start + _AT_ONCE]
        found = await asyncio.gather(*(embedding(tables, key) for key in some))
        firsts |= {key: first.at_us for key, first in zip(some, found, strict=True) if first is not None}
    return frozenset((key, at_us) for key, at_us in made if key in firsts and firsts[key] != at_us)
