"""GET /api/v1/usage/daily: what the caller used, by day and model."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.access.auth import UsageCaller
from api.account.ports import Preferences
from api.consistency.freshness import Fresh
from api.http.answers import json_answer
from infra.clock import now_us
from projections.usage.daily import DAY_US, DayUsage
from topics.catalogue import USAGE_RECORDS

router = APIRouter(prefix="/api/v1/usage", tags=["usage"])

MAX_DAYS = 366
_FIRST = date(1970, 1, 1)


@router.get("/daily")
async def daily_usage(
    caller: UsageCaller, fresh: Fresh, preferences: Preferences, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30
) -> Response:
    """The caller's own usage of the last `days` days, today's among them, in sums by day (UTC), model and currency, the
    newest first. `since`: the first day that is told of; it is later where there is more than one answer sums up."""
    await fresh.catch_up_lists(caller.user_id, USAGE_RECORDS)
    today = now_us() // DAY_US
    found = await preferences.reads.daily_usage(caller.user_id, (today - days + 1) * DAY_US, (today + 1) * DAY_US)
    return json_answer({"data": [_json(day) for day in found.days], "since": _date(found.since_us // DAY_US)})


def _json(used: DayUsage) -> dict[str, Any]:
    return {
        "date": _date(used.day),
        "model": used.model,
        "promptTokens": used.prompt_tokens,
        "completionTokens": used.completion_tokens,
        "generations": used.generations,
        "cost": used.cost_micros / 1_000_000,
        "costMicros": used.cost_micros,
        "currency": used.currency,
    }


def _date(day: int) -> str:
    return (_FIRST + timedelta(days=day)).isoformat()
