"""GET /api/v1/usage, GET /api/v1/usage/daily: what the caller used. GET /api/v1/admin/usage: what everybody used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response

from api.access.auth import AllUsageCaller, UsageCaller
from api.access.may import INSTALLATION, Resource, may
from api.access.principal import Principal
from api.account.asked_usage import (
    DEFAULT_BY,
    Filter,
    From,
    Grouping,
    PageCursor,
    PageSize,
    Span,
    To,
    csv_of,
    filtered,
    page_of,
    scope_of,
    span_of,
)
from api.account.ports import PreferencePorts, Preferences
from api.consistency.freshness import Fresh
from api.http.answers import json_answer
from api.http.errors import bad_request, not_found
from infra.clock import now_us
from projections.usage_rollups.entries import DAY_US, user_scope
from projections.usage_rollups.queries import Asked, By, SumRow, TooManySums, grouped
from topics.catalogue import USAGE_RECORDS

router = APIRouter(prefix="/api/v1", tags=["usage"])

MAX_DAYS = 366
OWN: Final[tuple[By, ...]] = ("hour", "day", "month", "model", "key")
"""What one's own usage is told by."""
_FIRST = date(1970, 1, 1)


@router.get("/usage/daily")
async def daily_usage(
    caller: UsageCaller, fresh: Fresh, preferences: Preferences, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30
) -> Response:
    """The caller's own usage of the last `days` days, today's among them, in sums by day (UTC), model and currency, the
    newest first. `since`: the first day that is told of."""
    await fresh.catch_up_lists(caller.user_id, USAGE_RECORDS)
    today = now_us() // DAY_US
    span = Span((today - days + 1) * DAY_US, (today + 1) * DAY_US, ("day", "model"))
    rows = await _sums(preferences, user_scope(caller.user_id), span)
    found = grouped(rows, span.by)
    return json_answer({"data": [_day(row) for row in found], "since": _date(today - days + 1)})


@router.get("/usage")
async def own_usage(
    caller: UsageCaller,
    fresh: Fresh,
    preferences: Preferences,
    since: From = None,
    until: To = None,
    by: Grouping = DEFAULT_BY,
    model: Filter = None,
    key: Filter = None,
    limit: PageSize = 100,
    cursor: PageCursor = None,
) -> Response:
    """The caller's own usage from `from` to `to` in sums by what `by` names: one of hour, day, month; model; key."""
    span = span_of(since, until, by, OWN)
    await fresh.catch_up_lists(caller.user_id, USAGE_RECORDS)
    rows = await _sums(preferences, user_scope(caller.user_id), span)
    left = filtered(rows, {"model": model, "key": key})
    return json_answer(page_of(grouped(left, span.by), span, limit, cursor))


@router.get("/admin/usage")
async def admin_usage(
    caller: AllUsageCaller,
    preferences: Preferences,
    since: From = None,
    until: To = None,
    by: Grouping = DEFAULT_BY,
    user: Filter = None,
    organisation: Filter = None,
    key: Filter = None,
    model: Filter = None,
    tier: Filter = None,
    limit: PageSize = 100,
    cursor: PageCursor = None,
    as_format: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """The usage of all, of a user or of an organisation, in sums by what `by` names. `format=csv`: all at once.

    A caller who may see only one organisation's usage gets that."""
    span = span_of(since, until, by)
    organisation = _seen(caller, organisation)
    filters = {"user": user, "organisation": organisation, "key": key, "model": model, "tier": tier}
    rows = await _sums(preferences, scope_of(span, filters), span)
    found = grouped(filtered(rows, filters), span.by)
    if as_format == "csv":
        return Response(
            csv_of(found, span.by),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="usage.csv"'},
        )
    return json_answer(page_of(found, span, limit, cursor))


def _seen(caller: Principal, organisation: str | None) -> str | None:
    """The organisation whose usage the caller is told of; None: everybody's. Raises ApiError 404."""
    if may(caller, "all_usage.read", INSTALLATION):
        return organisation
    if organisation not in (None, caller.organisation_id):
        raise not_found("organisation", param="organisation")
    if not may(caller, "all_usage.read", Resource(organisation_id=caller.organisation_id)):
        raise not_found("route")
    return caller.organisation_id


async def _sums(preferences: PreferencePorts, scope: str, span: Span) -> Sequence[SumRow]:
    try:
        return await preferences.reads.usage_sums(Asked(scope, span.since_us, span.until_us, span.finest))
    except TooManySums as error:
        raise bad_request(f"{str(error).capitalize()}.", code="too_many_rows", param="from") from None


def _day(row: SumRow) -> dict[str, Any]:
    return {
        "date": _date(row.at_us // DAY_US),
        "model": row.model,
        "promptTokens": row.figures.prompt_tokens,
        "completionTokens": row.figures.completion_tokens,
        "generations": row.figures.requests,
        "cost": row.figures.rated_micros / 1_000_000,
        "costMicros": row.figures.rated_micros,
        "currency": row.currency,
    }


def _date(day: int) -> str:
    return (_FIRST + timedelta(days=day)).isoformat()
