"""What readers ask about sums of usage: which rows make up a span of time, and sums of them. No row is written twice
into an answer: a span is covered by months, days and hours that do not overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from projections.reading import Tables
from projections.usage_rollups.entries import DAY_US, EVERYONE, HOUR_US, NONE, PERIODS, Period, bucket, span_of

MAX_ROWS: Final = 50_000
"""Rows that one answer sums up."""
By = Literal["hour", "day", "month", "organisation", "user", "key", "model", "tier"]
_NAME = "usage_rollups"
_AT_ONCE = 8
_COLUMNS = (
    "account, user_id, key_id, model, tier, currency, requests, embeddings, estimated, prompt_tokens,"
    " completion_tokens, cached_tokens, reasoning_tokens, unbilled_tokens, billed_micros, rated_micros"
)
_ROWS = (
    f"SELECT at_us, {_COLUMNS} FROM {{usage_sums}}"  # noqa: S608 - our own names
    " WHERE scope = ? AND period = ? AND span = ? AND at_us >= ? AND at_us < ? LIMIT ?"
)


class TooManySums(Exception):
    """More rows than one answer sums up."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_ROWS:,} sums would have to be added up: ask for a shorter span of time")


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums. `estimated`: bills with a count that is our own. `billed_micros`: what was billed; `rated_micros`: what it
    comes to at the newest price."""

    requests: int = 0
    embeddings: int = 0
    estimated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    unbilled_tokens: int = 0
    billed_micros: int = 0
    rated_micros: int = 0


FIGURES: Final = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class SumRow:
    """Sums of a bucket, an organisation, user, key, model, tier and currency. Empty: none, or not told apart."""

    at_us: int
    organisation: str
    user: str
    key: str
    model: str
    tier: str
    currency: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Asked:
    """A span of time of a scope. `finest`: of the buckets that are to be told apart; None: none are."""

    scope: str
    since_us: int
    until_us: int
    finest: Period | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Whole buckets of one period."""

    period: Period
    since_us: int
    until_us: int


def cover(asked: Asked) -> list[Part]:
    """The fewest buckets that are the span: whole hours, or whole days of everyone. Pure."""
    coarsest = PERIODS.index(asked.finest or "month")
    periods = PERIODS[1 if asked.scope == EVERYONE else 0 : coarsest + 1]
    return list(_joined(_cover(asked.since_us, asked.until_us, periods[::-1])))


def _cover(since_us: int, until_us: int, periods: Sequence[Period]) -> Iterator[Part]:
    if since_us >= until_us:
        return
    period, finer = periods[0], periods[1:]
    first = since_us if bucket(since_us, period) == since_us else _after(bucket(since_us, period), period)
    last = bucket(until_us, period)
    if first >= last:
        yield from _cover(since_us, until_us, finer) if finer else ()
        return
    yield from _cover(since_us, first, finer) if finer else ()
    yield Part(period, first, last)
    yield from _cover(last, until_us, finer) if finer else ()


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    before: Part | None = None
    for part in parts:
        if before is not None and before.period == part.period and before.until_us == part.since_us:
            before = Part(part.period, before.since_us, part.until_us)
            continue
        if before is not None:
            yield before
        before = part
    if before is not None:
        yield before


def _after(at_us: int, period: Period) -> int:
    """When the bucket after the one that begins then begins."""
    if period == "month":
        return bucket(at_us + 32 * DAY_US, "month")
    return at_us + (HOUR_US if period == "hour" else DAY_US)


def spans(scope: str, part: Part) -> list[int]:
    """The places that hold a part's buckets. Pure."""
    step = HOUR_US if part.period == "hour" else DAY_US
    found = dict.fromkeys(span_of(scope, part.period, at_us) for at_us in range(part.since_us, part.until_us, DAY_US))
    found[span_of(scope, part.period, part.until_us - step)] = None
    return list(found)


def grouped(rows: Iterable[SumRow], by: Sequence[By]) -> list[SumRow]:
    """The sums by what is named: the newest first, then by name. Currencies are never added together. Pure."""
    period = next((name for name in by if name in PERIODS), None)
    sums: dict[tuple[int, str, str, str, str, str, str], list[int]] = {}
    for row in rows:
        at_us = 0 if period is None else bucket(row.at_us, period)
        names = (
            row.organisation if "organisation" in by else "",
            row.user if "user" in by else "",
            row.key if "key" in by else "",
            row.model if "model" in by else "",
            row.tier if "tier" in by else "",
        )
        sum_ = sums.setdefault((-at_us, *names, row.currency), [0] * len(FIGURES))
        for nth, name in enumerate(FIGURES):
            sum_[nth] += getattr(row.figures, name)
    return [SumRow(-key[0], *key[1:], Figures(*sum_)) for key, sum_ in sorted(sums.items())]


def sum_row(values: Sequence[Any]) -> SumRow:
    """A row of the columns above, the bucket first."""
    at_us, *told = values
    account, user, key, model, tier, currency = ("" if name == NONE else name for name in told[:6])
    # Whoever pays for themselves belongs to no organisation.
    organisation = "" if account == user else account
    figures = Figures(*(value or 0 for value in told[6:]))
    return SumRow(at_us, organisation, user, key, model, tier, currency, figures)


async def usage_sums(tables: Tables, asked: Asked) -> list[SumRow]:
    """The rows that make up a span. Raises TooManySums, StoreUnavailable, StoreRefused."""
    places = [(part, span) for part in cover(asked) for span in spans(asked.scope, part)]
    rows: list[SumRow] = []
    for start in range(0, len(places), _AT_ONCE):
        left = MAX_ROWS + 1 - len(rows)
        answers = await asyncio.gather(
            *(
                tables.select(_NAME, _ROWS, (asked.scope, part.period, span, part.since_us, part.until_us, left))
                for part, span in places[start : start + _AT_ONCE]
            )
        )
        rows += [sum_row(values) for answer in answers for values in answer]
        if len(rows) > MAX_ROWS:
            raise TooManySums
    return rows
