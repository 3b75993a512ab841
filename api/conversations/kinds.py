"""Query parameters that choose conversations of a list. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Query

from api.http.errors import ApiError, bad_request
from projections.conversation_lists.kinds import Kind

Moment = Annotated[str | None, Query(max_length=40)]
Chosen = Annotated[str | None, Query(min_length=1, max_length=200)]
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


async def kind_of(
    pinned: bool | None = None,
    archived: bool = False,
    folder: Chosen = None,
    model: Chosen = None,
    since: Annotated[str | None, Query(alias="from", max_length=40)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=40)] = None,
) -> Kind:
    """Those that are pinned, archived (without it: those that are not), in a folder, whose newest prompt asked a model,
    or came from a date to another (that day too; a time, in place of a date, is exact). Raises ApiError 400."""
    limits = {}
    if since is not None:
        limits["since_us"] = _micros(_moment(since, "from"))
    if until is not None:
        limits["until_us"] = _micros(_moment(until, "to", whole_day=True))
    return Kind(pinned=pinned, archived=archived, folder_id=folder, model=model, **limits)


def _moment(text: str, param: str, *, whole_day: bool = False) -> datetime:
    try:
        if len(text) == len("2026-11-21"):
            at = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return min(at + timedelta(days=1), _LAST) if whole_day and at < _LAST else at
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _refused(param) from None


def _micros(at: datetime) -> int:
    return max(0, round(at.timestamp() * 1_000_000))


def _refused(param: str) -> ApiError:
    expected = "a date (2026-11-21) or a time (2026-11-21T08:30:00Z; without a zone it is UTC)"
    return bad_request(f"Invalid value for '{param}': expected {expected}.", param=param)
