"""Who may: the one gate that every route but the public ones goes through."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from api.errors import ApiError, bad_request, unauthorised
from api.key_cache import Principal
from api.metrics import LIMITED
from api.parts import parts_of
from api.rate_limit import go_duration

KEY_PREFIX = "vk_"
_KEY = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
PUBLIC_PATHS = frozenset({"/health", "/metrics", "/docs", "/docs/style.css", "/openapi.json"})


def hash_of(key: str) -> str:
    """How a key is stored and looked up."""
    return sha256(key.encode()).hexdigest()


def presented_key(request: Request) -> str:
    """The key a request carries, as `Authorization: Bearer` or `x-api-key`: both are the same key.

    Raises ApiError 401 without one or with something that is none, 400 when the two differ.
    """
    bearer: str | None = None
    headers = request.headers.getlist("authorization")
    if headers:
        scheme, _, value = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer":
            raise unauthorised("Send your key as Authorization: Bearer KEY, once.")
        bearer = value.strip(" ")
    others = request.headers.getlist("x-api-key")
    if len(others) > 1:
        raise unauthorised("Send your key as x-api-key: KEY, once.")
    other = others[0] if others else None
    if bearer is not None and other is not None and bearer != other:
        raise bad_request("Authorization and x-api-key carry different keys; send one.", code="ambiguous_api_key")
    key = bearer if bearer is not None else other
    if not key:
        raise unauthorised("You didn't provide an API key. Send it as Authorization: Bearer KEY, or as x-api-key: KEY.")
    if not _KEY.fullmatch(key):
        raise unauthorised("Incorrect API key provided.")
    return key


async def authorise(request: Request) -> Principal:
    """The principal of a request. Raises ApiError 401: the same for keys that never were and revoked ones."""
    principal = await parts_of(request).keys.principal(hash_of(presented_key(request)))
    if principal is None:
        raise unauthorised("Incorrect API key provided.")
    return principal


async def admit(request: Request) -> Principal:
    """`authorise`, and the key's request rate. Raises ApiError 429."""
    principal = await authorise(request)
    await _within_rate(request, principal.key_id)
    return principal


async def admit_anybody(request: Request) -> None:
    """For what is public: the request rate of an address, and nothing else. Raises ApiError 429."""
    await _within_rate(request, f"address:{request.client.host if request.client else ''}")


async def _within_rate(request: Request, who: str) -> None:
    admission = await parts_of(request).limiter.admit(who)
    if not admission.limited:
        return
    headers = {
        "x-ratelimit-limit-requests": str(admission.limit),
        "x-ratelimit-remaining-requests": str(admission.remaining),
        "x-ratelimit-reset-requests": go_duration(admission.reset_s),
    }
    if not admission.allowed:
        LIMITED.inc()
        wait_s = max(int(-(-admission.retry_after_s // 1)), 1)
        raise ApiError(
            429,
            f"Rate limit reached: {admission.limit} requests per minute. Please try again in {wait_s}s.",
            code="rate_limit_exceeded",
            error_type="requests",
            headers={**headers, "Retry-After": str(wait_s)},
        )
    request.scope["state"]["answer_headers"].update(headers)


Caller = Annotated[Principal, Depends(admit)]
