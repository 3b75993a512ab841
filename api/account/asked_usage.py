"""What a request for usage asks for, and what it is told: JSON in pages, or CSV. Pure but for the clock."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, cast, get_args

from fastapi import Query

from api.http.answers import iso
from api.http.errors import ApiError, bad_request
from infra.clock import now_us
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.usage_rollups.entries import (
    DAY_US,
    EVERYONE,
    HOUR_US,
    PERIODS,
    TOTAL,
    Period,
    organisation_scope,
    user_scope,
)
from projections.usage_rollups.queries import FIGURES, By, SumRow

MAX_PAGE: Final = 1000
MAX_SPAN_DAYS: Final = 3660
MAX_HOURS_DAYS: Final = 31
"""Of a span that is told by hour."""
DEFAULT_DAYS: Final = 30
DEFAULT_BY: Final = "day"
From = Annotated[str | None, Query(alias="from", max_length=40)]
To = Annotated[str | None, Query(alias="to", max_length=40)]
Grouping = Annotated[str, Query(max_length=80)]
Filter = Annotated[str | None, Query(min_length=1, max_length=256)]
PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PageCursor = Annotated[str | None, Query(max_length=1024)]
_TOLD_BY_ALL = frozenset({"user", "organisation", "key"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (excluded), and by what."""

    since_us: int
    until_us: int
    by: tuple[By, ...]

    @property
    def finest(self) -> Period | None:
        return next((name for name in self.by if name in PERIODS), None)

    @property
    def is_of_days(self) -> bool:
        """Whether it begins and ends at midnight, and no hours are told apart."""
        return self.finest != "hour" and self.since_us % DAY_US == self.until_us % DAY_US == 0


def span_of(since: str | None, until: str | None, by: str, allowed: Sequence[By] = get_args(By)) -> Span:
    """The span of a request: the last DEFAULT_DAYS days, today's among them, where it says nothing. Raises ApiError."""
    names = _names(by, allowed)
    until_us = (now_us() // DAY_US + 1) * DAY_US if until is None else _time(until, "to")
    since_us = until_us - DEFAULT_DAYS * DAY_US if since is None else _time(since, "from")
    if since_us >= until_us:
        raise bad_request("`from` must be before `to`, which is not counted.", param="from")
    days = MAX_HOURS_DAYS if "hour" in names else MAX_SPAN_DAYS
    if until_us - since_us > days * DAY_US:
        of = " by hour" if "hour" in names else ""
        raise bad_request(f"A span{of} has at most {days} days: ask for a shorter one.", param="from")
    return Span(since_us, until_us, names)


def _names(by: str, allowed: Sequence[By]) -> tuple[By, ...]:
    names = tuple(dict.fromkeys(name for name in by.split(",") if name))
    wrong = next((name for name in names if name not in allowed), None)
    if wrong is not None:
        raise bad_request(f"`by` names {wrong!r}: use {', '.join(allowed)}, joined by commas.", param="by")
    if len([name for name in names if name in PERIODS]) > 1:
        raise bad_request("`by` names two periods: use one of hour, day, month.", param="by")
    return cast("tuple[By, ...]", names)


def _time(text: str, param: str) -> int:
    try:
        at = datetime.fromisoformat(text)
        at_us = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise _no_time(param) from None
    if at_us % HOUR_US or not 0 <= at_us < 10**17:
        raise _no_time(param)
    return at_us


def _no_time(param: str) -> ApiError:
    return bad_request(
        f"`{param}` must be a day or a full hour from 1970 on: 2026-11-30 or 2026-11-30T08:00Z (UTC).", param=param
    )


def scope_of(span: Span, filters: Mapping[str, str | None]) -> str:
    """The scope whose sums tell what is asked for. Raises ApiError."""
    organisation, user = filters.get("organisation"), filters.get("user")
    if organisation is not None:
        return organisation_scope(organisation)
    if user is not None:
        return user_scope(user)
    if filters.get("key") is None and not _TOLD_BY_ALL.intersection(span.by):
        return TOTAL
    if not span.is_of_days:
        raise bad_request(
            "Users, organisations and keys are told apart by whole days: ask by day or month, with `from` and `to`"
            " at midnight UTC, or name a `user` or an `organisation`.",
            param="by",
        )
    return EVERYONE


def filtered(rows: Sequence[SumRow], filters: Mapping[str, str | None]) -> list[SumRow]:
    """The rows that have all of these; None: any."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def page_of(rows: Sequence[SumRow], span: Span, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of the sums, and where the next one begins; null: nowhere. Raises ApiError 400 for a foreign cursor."""
    start = 0
    if cursor is not None:
        try:
            at, names = decode_cursor(cursor)
        except BadCursor as error:
            raise bad_request(f"The cursor is wrong: {error}.", param="cursor") from None
        start = next((nth for nth, row in enumerate(rows) if _order(row) > (-at, names)), len(rows))
    shown = rows[start : start + limit]
    last = shown[-1] if start + limit < len(rows) else None
    return {
        "from": iso(span.since_us),
        "to": iso(span.until_us),
        "by": list(span.by),
        "data": [sums_json(row, span.by) for row in shown],
        "nextCursor": None if last is None else encode_cursor(last.at_us, _order(last)[1]),
    }


def _order(row: SumRow) -> tuple[int, str]:
    names = row.organisation, row.user, row.key, row.model, row.tier, row.currency
    return -row.at_us, "\0".join(names)


def sums_json(row: SumRow, by: Sequence[By]) -> dict[str, Any]:
    """What `by` tells apart, and the sums."""
    told: dict[str, Any] = {name: getattr(row, name) or None for name in by if name not in PERIODS}
    start = {"start": iso(row.at_us)} if any(name in PERIODS for name in by) else {}
    figures = row.figures
    return {
        **start,
        **told,
        "currency": row.currency,
        "requests": figures.requests,
        "embeddings": figures.embeddings,
        "estimated": figures.estimated,
        "promptTokens": figures.prompt_tokens,
        "completionTokens": figures.completion_tokens,
        "cachedTokens": figures.cached_tokens,
        "reasoningTokens": figures.reasoning_tokens,
        "unbilledTokens": figures.unbilled_tokens,
        "costMicros": figures.rated_micros,
        "billedMicros": figures.billed_micros,
    }


def csv_of(rows: Sequence[SumRow], by: Sequence[By]) -> str:
    """All the sums as CSV (RFC 4180): the columns of the JSON under the names of the records."""
    told = [name for name in by if name not in PERIODS]
    is_timed = any(name in PERIODS for name in by)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*(["start"] if is_timed else []), *told, "currency", *FIGURES])
    for row in rows:
        start = [iso(row.at_us)] if is_timed else []
        names = [safe(getattr(row, name)) for name in told]
        writer.writerow([*start, *names, safe(row.currency), *asdict(row.figures).values()])
    return out.getvalue()


def safe(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in _FORMULA else text
