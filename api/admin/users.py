"""/api/v1/admin/users: who there is, what they are, and who is suspended."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Access, AccessPorts, UserManager, UserReader
from api.access.principal import user_of
from api.access.words import checked_roles, checked_tier
from api.admin.giving import EMAIL, NAME, TITLE, Words, cursor_after, envelope, give, place_of
from api.admin.ports import Admin
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.upgrading import check_identity
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError, bad_request
from api.http.paging import Cursor, Limit
from projections.accounts.queries import UserRow
from schemas import ids
from schemas.account import UserCreated
from schemas.identity import UserChanged
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/admin/users", tags=["admin"])


class CreateUser(Words):
    name: str = Field(max_length=64, pattern=NAME)
    email: str = Field(default="", max_length=254, pattern=EMAIL)


class ChangeUser(Words):
    """What is left out stays. `tier` empty: that of the organisation, else the default one."""

    suspended: bool | None = None
    name: str | None = Field(default=None, max_length=64, pattern=TITLE)
    email: str | None = Field(default=None, max_length=254, pattern=EMAIL)


@router.get("")
async def list_users(
    caller: UserReader, fresh: Fresh, access: Access, admin: Admin, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of the users. `nextCursor`: there the list goes on."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = await admin.reads.some_users(place_of(cursor), limit + 1)
    shown = await asyncio.gather(*(admin.reads.user(row.user_id) for row in rows[:limit]))
    data = await asyncio.gather(*(user_json(access, row) for row in shown if row is not None))
    more = cursor_after(rows[limit - 1].user_id) if len(rows) > limit else None
    return json_answer({"data": data, "nextCursor": more})


@router.post("", status_code=201, openapi_extra=openapi_body(CreateUser))
async def create_user(
    request: Request,
    caller: UserManager,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """A user of this name, which is theirs alone. They come in by a key, or by an invitation."""
    body = await bodies.read(request, CreateUser)
    check_identity("name")
    roles = None if body.roles is None else checked_roles(body.roles)
    tier = checked_tier(body.tier or "", admin.tiers) or None
    user_id, key = ids.user_id(body.name), idempotency_key(request)
    await fresh.decide_on_lists(caller.user_id, ACCOUNT_EVENTS)
    if await admin.reads.user(user_id) is not None:
        raise ApiError(409, "There is a user of this name already.", code="already_exists", param="name")
    born = envelope(request, caller, key, user_id, "UserCreated")
    headers = await give(access, commands, caller, key, UserCreated(born, user_id, body.name, body.email))
    if roles is not None or tier is not None:
        said = envelope(request, caller, key, user_id, "UserChanged")
        change = UserChanged(envelope=said, user_id=user_id, roles=roles, tier=tier)
        headers = await give(access, commands, caller, key, change)
    row = UserRow(user_id, body.name, born.occurred_at_us, body.email)
    return json_answer(await user_json(access, row), 201, headers)


@router.get("/{user_id}")
async def get_user(caller: UserReader, user_id: str, fresh: Fresh, access: Access, admin: Admin) -> Response:
    """One user, by the id."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = await admin.reads.user(user_id)
    if row is None:
        raise fresh.missing("user")
    return json_answer(await user_json(access, row))


@router.patch("/{user_id}", openapi_extra=openapi_body(ChangeUser))
async def change_user(
    request: Request,
    caller: UserManager,
    user_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """Other roles, another tier, suspend or restore: it counts at once, and what it takes away ends."""
    body = await bodies.read(request, ChangeUser)
    check_identity("roles")
    given = body.model_dump(exclude_none=True)
    if not given:
        raise bad_request("Send at least one of 'roles', 'tier', 'suspended', 'name' and 'email'.", param="roles")
    roles = None if body.roles is None else checked_roles(body.roles)
    tier = None if body.tier is None else checked_tier(body.tier, admin.tiers)
    if user_id == caller.user_id and (body.suspended or (roles is not None and "admin" not in roles)):
        raise bad_request("You cannot suspend yourself, nor take the role admin from yourself.", param="roles")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = await admin.reads.user(user_id)
    if row is None:
        raise fresh.missing("user")
    key = idempotency_key(request)
    change = UserChanged(
        envelope=envelope(request, caller, key, user_id, "UserChanged"),
        user_id=user_id,
        roles=roles,
        tier=tier,
        suspended=body.suspended,
        name=body.name,
        email=body.email,
    )
    await access.people.standing(user_id)
    headers = await give(access, commands, caller, key, change)
    shown = UserRow(user_id, body.name or row.name, row.created_at_us, row.email if body.email is None else body.email)
    return json_answer(await user_json(access, shown), 200, headers)


async def user_json(access: AccessPorts, row: UserRow) -> dict[str, Any]:
    """A user, as they are now."""
    standing = await access.people.standing(row.user_id)
    holder = user_of(standing)
    return {
        "id": row.user_id,
        "name": row.name,
        "email": row.email or None,
        "createdAt": iso(row.created_at_us),
        "roles": sorted(standing.roles),
        "tier": holder.tier,
        "ownTier": standing.tier or None,
        "suspended": standing.suspended,
        "account": holder.account,
        "organisationId": holder.organisation_id or None,
        "memberships": [{"organisationId": one.organisation_id, "role": one.role} for one in standing.memberships],
    }
