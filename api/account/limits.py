"""GET /api/v1/limits: what holds for the caller, what is left of it and when it is whole again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api.access.auth import Access, AdminLimitsCaller, Caller, limited_of
from api.access.rates import HOUR_US, Left
from api.http.answers import json_answer
from infra.tiers.tier import Limits, Tier

router = APIRouter(prefix="/api/v1", tags=["limits"])


@router.get("/limits")
async def own_limits(caller: Caller, access: Access) -> Response:
    """The caller's tier and limits, of their user, key and organisation. Asking takes one request, and nothing else."""
    limited = limited_of(caller)
    tier = access.limiter.tier_of(limited)
    taken, slots = await access.limiter.look(limited)
    streams = [
        {
            "of": each.subject.partition(":")[0],
            "limit": each.limit,
            "running": count,
            "left": max(each.limit - count, 0),
        }
        for each, count in zip(slots, taken.streams, strict=True)
    ]
    answer = {
        "tier": tier_json(tier),
        "limits": [left_json(left) for left in taken.left],
        "streams": streams,
        "shared": not taken.away,
    }
    return json_answer(answer)


@router.get("/admin/tiers")
async def tiers(caller: AdminLimitsCaller, access: Access) -> Response:
    """The tiers of this installation, as its tiers file has them."""
    known = access.limiter.tiers
    return json_answer({"data": [tier_json(known.of(name)) for name in known.names]})


def left_json(left: Left) -> dict[str, Any]:
    """`resetS`: until nothing of it is missing any more."""
    rate = left.rate
    return {
        "of": rate.subject.partition(":")[0],
        "kind": rate.kind,
        "period": "hour" if rate.period_us >= HOUR_US else "minute",
        "limit": rate.limit,
        "left": left.remaining,
        "resetS": round(left.reset_s, 3),
    }


def tier_json(tier: Tier) -> dict[str, Any]:
    return {
        "id": tier.name,
        "models": list(tier.models),
        "queueWeight": tier.weight_milli / 1000,
        "maxContextTokens": tier.max_context_tokens,
        "longestWaitS": tier.longest_wait_s,
        "maxQueued": tier.max_queued,
        "user": _limits_json(tier.user),
        "key": _limits_json(tier.key),
        "organisation": _limits_json(tier.organisation),
    }


def _limits_json(limits: Limits) -> dict[str, Any]:
    return {
        "requestsPerMinute": limits.requests_per_minute,
        "messagesPerHour": limits.messages_per_hour,
        "tokensPerMinute": limits.tokens_per_minute,
        "concurrentStreams": limits.concurrent_streams,
    }
