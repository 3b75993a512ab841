"""What a new key may: no more than whoever makes it, and never more than its user. Pure, but for the drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from api.access.auth import KEY_PREFIX, hash_of
from api.access.may import SCOPES
from api.access.principal import Principal, Standing
from api.consistency.commanding import Author
from api.consistency.upgrading import check_identity
from api.http.answers import iso
from api.http.bodies import ApiBody
from api.http.errors import ApiError, bad_request
from infra.clock import now_us
from infra.ids import draw_id, draw_secret
from projections.accounts.queries import ApiKeyRow
from schemas.account import ApiKeyCreated
from schemas.identity import NO_LIMITS, KeyLimits

LABEL = r"^[^\x00-\x1f\x7f]*$"
MOST = 1_000_000_000
LONGEST_US = 10 * 366 * 86_400 * 1_000_000
"""How long a key may be good that ends at all."""
MAX_KEYS = 1000
"""Keys of one user that open something."""
MAX_KEYS_EVER = 10_000
"""Those too that open nothing any more: all of them are listed."""
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class LimitsBody(ApiBody):
    """What is left out is not limited for the key alone."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    messages_per_hour: int | None = Field(default=None, ge=1, le=MOST)
    concurrent_streams: int | None = Field(default=None, ge=1, le=MOST)
    models: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] | None = Field(
        default=None, min_length=1, max_length=100
    )

    def limits(self) -> KeyLimits:
        """As records say it."""
        given = self.model_dump()
        return KeyLimits(**{**given, "models": None if self.models is None else tuple(self.models)})


class CreateKey(ApiBody):
    """`scopes` left out: all that the maker may. `expires_at`: an ISO 8601 time with its offset."""

    label: str = Field(default="", max_length=64, pattern=LABEL)
    scopes: list[str] | None = Field(default=None, min_length=1, max_length=20)
    expires_at: str | None = Field(default=None, max_length=40)
    limits: LimitsBody | None = None
    organisation_id: str | None = Field(default=None, max_length=64)


class ChangeKey(ApiBody):
    label: str | None = Field(default=None, max_length=64, pattern=LABEL)
    limits: LimitsBody | None = None


def key_made(body: CreateKey, maker: Principal, owner: Standing, author: Author) -> tuple[ApiKeyCreated, str]:
    """The record of a new key of `owner`'s, and the key. Raises ApiError 400, and 403 for more than its maker's own key
    may."""
    if maker.form == "jwt" and maker.user_id == owner.user_id and not owner.roles <= maker.roles:
        raise _more("roles")
    limits = None if body.limits is None else body.limits.limits()
    if replace(maker.limits, models=None) != NO_LIMITS:
        raise _refused("A key with limits of its own makes no other: each would have as much again.", "limits")
    if maker.limits.models is not None:
        if limits is not None and limits.models not in (None, maker.limits.models):
            raise _more("limits")
        limits = replace(limits or NO_LIMITS, models=maker.limits.models)
    restricted = (body.scopes, body.expires_at, limits, body.organisation_id, maker.scopes, _end_of(maker))
    if any(each is not None for each in restricted):
        check_identity("scopes")
    organisation_id = body.organisation_id or ""
    if maker.bound_to and maker.user_id == owner.user_id:
        if organisation_id not in ("", maker.bound_to):
            raise _more("organisation_id")
        organisation_id = maker.bound_to
    if organisation_id and not owner.membership(organisation_id).role:
        raise bad_request("The key's user is not a member of this organisation.", param="organisation_id")
    key_id, key = draw_id(), KEY_PREFIX + draw_secret(32)
    event = ApiKeyCreated(
        envelope=author.envelope(key_id, "ApiKeyCreated"),
        user_id=owner.user_id,
        key_id=key_id,
        key_sha256=hash_of(key),
        label=body.label,
        hint=key[-4:],
        scopes=_scopes(body.scopes, maker),
        expires_at_us=_expiry(body.expires_at, maker),
        limits=limits,
        organisation_id=organisation_id,
    )
    return event, key


def _scopes(wanted: list[str] | None, maker: Principal) -> tuple[str, ...] | None:
    if wanted is None:
        return None if maker.scopes is None else tuple(sorted(maker.scopes))
    unknown = sorted(set(wanted) - SCOPES)
    if unknown:
        raise bad_request(f"'{unknown[0][:40]}' is not a scope. Scopes: {', '.join(sorted(SCOPES))}.", param="scopes")
    if maker.scopes is not None and not set(wanted) <= maker.scopes:
        raise _more("scopes")
    return tuple(sorted(set(wanted)))


def _expiry(wanted: str | None, maker: Principal) -> int | None:
    end_us = _end_of(maker)
    if wanted is None:
        return end_us
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise bad_request(
            "Invalid value for 'expires_at': write a time as 2027-01-31T12:00:00Z, with its offset.", param="expires_at"
        )
    at_us = (moment - _EPOCH) // _MICROSECOND
    if not now_us() < at_us < now_us() + LONGEST_US:
        raise bad_request("Invalid value for 'expires_at': it is past, or ten years off.", param="expires_at")
    if end_us is not None and at_us > end_us:
        raise _more("expires_at")
    return at_us


def _end_of(maker: Principal) -> int | None:
    """When what its keys may have ends: with the maker's own key or token. A session gives keys that
    outlast it."""
    return None if maker.recorded else maker.expires_at_us


def check_room(keys: Iterable[ApiKeyRow]) -> None:
    """Raises ApiError 409 where a user with these keys may have no more."""
    at_us, rows = now_us(), tuple(keys)
    if len(rows) >= MAX_KEYS_EVER:
        what = f"A user has at most {MAX_KEYS_EVER} keys, revoked ones among them. Make keys for another user."
        raise ApiError(409, what, code="too_many_keys")
    good = sum(not key.revoked and (key.expires_at_us is None or key.expires_at_us > at_us) for key in rows)
    if good >= MAX_KEYS:
        raise ApiError(409, f"A user has at most {MAX_KEYS} keys. Revoke some of them first.", code="too_many_keys")


def key_with_budget() -> ApiError:
    """403 for a key that would make another one to which its budget does not apply."""
    return _refused("A key with a budget of its own makes no other: that would have none.", None)


def _more(param: str) -> ApiError:
    return _refused(f"Your own key has less: a key that it makes cannot have other '{param}'.", param)


def _refused(message: str, param: str | None) -> ApiError:
    return ApiError(403, message, code="insufficient_permissions", error_type="permission_error", param=param)


def key_json(row: ApiKeyRow, last_used_us: int | None = None) -> dict[str, Any]:
    """A key without its secret. `lastUsedAt`: to the minute; null: it is not known."""
    return {
        "id": row.key_id,
        "label": row.label,
        "hint": row.hint,
        "revoked": row.revoked,
        "createdAt": iso(row.created_at_us),
        "scopes": None if row.scopes is None else list(row.scopes),
        "expiresAt": None if row.expires_at_us is None else iso(row.expires_at_us),
        "limits": limits_json(row.limits),
        "organisationId": row.organisation_id or None,
        "lastUsedAt": None if last_used_us is None else iso(last_used_us),
    }


def limits_json(limits: KeyLimits) -> dict[str, Any]:
    """All of them; null: none."""
    return {
        "requestsPerMinute": limits.requests_per_minute,
        "tokensPerMinute": limits.tokens_per_minute,
        "messagesPerHour": limits.messages_per_hour,
        "concurrentStreams": limits.concurrent_streams,
        "models": None if limits.models is None else list(limits.models),
    }


def row_of(event: ApiKeyCreated) -> ApiKeyRow:
    """The key as its record says."""
    return ApiKeyRow(
        event.key_sha256,
        event.key_id,
        event.user_id,
        event.label,
        event.hint,
        event.envelope.occurred_at_us,
        None,
        scopes=event.scopes,
        expires_at_us=event.expires_at_us,
        limits=event.limits or NO_LIMITS,
        organisation_id=event.organisation_id,
    )
