"""What a record of usage-records says about a bill, and the rows of sums that the bill is counted in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from projections.rows import Unprojectable
from schemas.price import Attribution, Usage
from schemas.turns import DEFAULT_TIER, TITLES
from schemas.usage import EmbeddingsComputed, UsageEntry, UsageRecorded, UsageRerated

Period = Literal["hour", "day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("hour", "day", "month")
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
NONE: Final = "-"
"""Stands in a key where there is no value, for keys are never empty."""
EVERYONE, TOTAL = "everyone", "total"
MOST: Final = 1 << 62
"""A sum, and what a bill adds to one, ends there: a column takes no more."""
MAX_WORD_CHARACTERS: Final = 256
"""So much of a longer name tells rows apart; ids of ours are shorter."""
SumKey = tuple[str | int, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Whose:
    """Who is billed, and for what: what sums are told apart by."""

    account: str
    organisation_id: str
    user_id: str
    key_id: str
    model: str
    tier: str
    currency: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A bill (`rerated` false), or another price for one. `unbilled_tokens` are not in `usage` and cost nothing."""

    bill_id: str
    at_us: int
    whose: Whose
    cost_micros: int
    rerated: bool = False
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    embeddings: bool = False
    unbilled_tokens: int = 0


def entry_of(record: UsageEntry) -> Entry | None:
    """What a record says; None: it is billed to nobody. Raises Unprojectable."""
    if isinstance(record, UsageRecorded) and record.price_version == TITLES:
        return None
    if isinstance(record, EmbeddingsComputed):
        at_us, bill_id, currency = record.envelope.occurred_at_us, record.embedding_id, record.price.currency
    else:
        at_us, bill_id, currency = record.ended_at_us, record.generation_id, record.currency
    bucket(at_us, "month")
    whose = _whose(record.user_id, record.attribution, record.model, currency)
    cost = _bounded(record.cost_micros)
    if isinstance(record, UsageRerated):
        return Entry(bill_id, at_us, whose, cost, rerated=True)
    used = record.usage
    return Entry(
        bill_id,
        at_us,
        whose,
        cost,
        usage=Usage(
            _bounded(used.prompt_tokens),
            _bounded(used.completion_tokens),
            _bounded(used.cached_tokens),
            _bounded(used.reasoning_tokens),
            used.estimated,
        ),
        embeddings=isinstance(record, EmbeddingsComputed),
        unbilled_tokens=_bounded(record.unbilled_tokens) if isinstance(record, UsageRecorded) else 0,
    )


def _bounded(value: int) -> int:
    return max(0, min(value, MOST))


def _whose(user_id: str, attribution: Attribution | None, model: str, currency: str) -> Whose:
    """A record of before attributions is the user's own account's."""
    who = attribution or Attribution(account=user_id)
    account, tier = who.account or user_id, who.tier or DEFAULT_TIER
    words = (account, who.organisation_id, user_id, who.key_id, model, tier, currency)
    return Whose(*(word[:MAX_WORD_CHARACTERS] for word in words))


def bucket(at_us: int, period: Period) -> int:
    """When the bucket begins that a time lies in (UTC). Raises Unprojectable for a time beyond all calendars."""
    try:
        at = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        raise Unprojectable(f"{at_us} is not a valid time") from None
    if period == "month":
        return (datetime(at.year, at.month, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    return at_us - at_us % (HOUR_US if period == "hour" else DAY_US)


def span_of(scope: str, period: Period, at_us: int) -> int:
    """The span of a place: a year, a month or a day, so that no place grows beyond what is read at once."""
    at = _EPOCH + timedelta(microseconds=at_us)
    year, month, day = at.year, at.year * 100 + at.month, (at.year * 100 + at.month) * 100 + at.day
    if scope.startswith("user:") or scope == TOTAL:
        return {"hour": month, "day": year, "month": 0}[period]
    if scope == EVERYONE:
        return {"hour": day, "day": day, "month": month}[period]
    return {"hour": day, "day": month, "month": year}[period]


def user_scope(user_id: str) -> str:
    return f"user:{user_id}"


def organisation_scope(organisation_id: str) -> str:
    return f"organisation:{organisation_id}"


def sum_keys(at_us: int, whose: Whose, source: int) -> Iterator[SumKey]:
    """The keys of the rows that a bill of that time is counted in."""
    what = tuple(word or NONE for word in (whose.model, whose.tier, whose.currency))
    told = (whose.account, whose.user_id, whose.key_id or NONE, *what)
    total = (NONE, NONE, NONE, *what)
    scopes = [(user_scope(whose.user_id), told, PERIODS), (TOTAL, total, PERIODS), (EVERYONE, told, PERIODS[1:])]
    if whose.organisation_id:
        scopes.append((organisation_scope(whose.organisation_id), told, PERIODS))
    for scope, apart, periods in scopes:
        for period in periods:
            at = bucket(at_us, period)
            yield (scope, period, span_of(scope, period, at), at, *apart, source)
