"""/api/v1/admin/organisations: who pays for whom. Their own administrators see them and manage their members."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Access, MemberManager, OrganisationManager, OrganisationReader
from api.access.may import INSTALLATION, Resource, may
from api.access.principal import Principal
from api.access.words import checked_roles, checked_tier
from api.admin.giving import TITLE, cursor_after, envelope, give, place_of
from api.admin.ports import Admin, AdminPorts
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ports import Commands
from api.consistency.upgrading import check_identity
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, bad_request, not_found
from api.http.paging import Cursor, Limit
from projections.identities.queries import OrganisationRow
from schemas import ids
from schemas.identity import MembershipChanged, OrganisationChanged, OrganisationCreated
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/admin/organisations", tags=["admin"])


class CreateOrganisation(ApiBody):
    name: str = Field(min_length=1, max_length=64, pattern=TITLE)
    tier: str = Field(default="", max_length=64)


class ChangeOrganisation(ApiBody):
    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=TITLE)
    tier: str | None = Field(default=None, max_length=64)


class SetMember(ApiBody):
    role: str = Field(default="member", max_length=20)


@router.get("")
async def list_organisations(
    caller: OrganisationReader, fresh: Fresh, admin: Admin, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """A page of the organisations: all of them, or the one that the caller is in."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    if not may(caller, "organisations.read", INSTALLATION):
        row = await admin.reads.organisation(caller.organisation_id)
        return json_answer({"data": [] if row is None else [organisation_json(row)], "nextCursor": None})
    rows = await admin.reads.organisations(place_of(cursor), limit + 1)
    more = cursor_after(rows[limit - 1].organisation_id) if len(rows) > limit else None
    return json_answer({"data": [organisation_json(row) for row in rows[:limit]], "nextCursor": more})


@router.post("", status_code=201, openapi_extra=openapi_body(CreateOrganisation))
async def create_organisation(
    request: Request,
    caller: OrganisationManager,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """An organisation of this name, which is its alone."""
    body = await bodies.read(request, CreateOrganisation)
    check_identity("name")
    tier, key = checked_tier(body.tier, admin.tiers), idempotency_key(request)
    organisation_id = ids.organisation_id(body.name)
    await fresh.decide_on_lists(caller.user_id, ACCOUNT_EVENTS)
    if await admin.reads.organisation(organisation_id) is not None:
        raise ApiError(409, "There is an organisation of this name already.", code="already_exists", param="name")
    born = envelope(request, caller, key, organisation_id, "OrganisationCreated")
    event = OrganisationCreated(envelope=born, organisation_id=organisation_id, name=body.name, tier=tier)
    headers = await give(access, commands, caller, key, event)
    row = OrganisationRow(organisation_id=organisation_id, name=body.name, tier=tier, created_at_us=born.occurred_at_us)
    return json_answer(organisation_json(row), 201, headers)


@router.patch("/{organisation_id}", openapi_extra=openapi_body(ChangeOrganisation))
async def change_organisation(
    request: Request,
    caller: OrganisationManager,
    organisation_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """Another name or tier. `tier` empty: the default one."""
    body = await bodies.read(request, ChangeOrganisation)
    check_identity("name")
    if body.name is None and body.tier is None:
        raise bad_request("Send at least one of 'name' and 'tier'.", param="name")
    tier = None if body.tier is None else checked_tier(body.tier, admin.tiers)
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row, key = await _found(fresh, admin, caller, "organisations.manage", organisation_id), idempotency_key(request)
    event = OrganisationChanged(
        envelope=envelope(request, caller, key, organisation_id, "OrganisationChanged"),
        organisation_id=organisation_id,
        name=body.name,
        tier=tier,
    )
    headers = await give(access, commands, caller, key, event)
    shown = {"name": body.name or row.name, "tier": (row.tier if tier is None else tier) or None}
    return json_answer({**organisation_json(row), **shown}, 200, headers)


@router.get("/{organisation_id}/members")
async def list_members(
    caller: OrganisationReader,
    organisation_id: str,
    fresh: Fresh,
    admin: Admin,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """A page of its members."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    await _found(fresh, admin, caller, "members.read", organisation_id)
    members = await admin.reads.members(organisation_id, place_of(cursor), limit + 1)
    users = await asyncio.gather(*(admin.reads.user(one.user_id) for one in members[:limit]))
    data = [
        {"userId": one.user_id, "userName": None if user is None else user.name, "role": one.role}
        for one, user in zip(members, users, strict=False)
    ]
    more = cursor_after(members[limit - 1].user_id) if len(members) > limit else None
    return json_answer({"data": data, "nextCursor": more})


@router.put("/{organisation_id}/members/{user_id}", openapi_extra=openapi_body(SetMember, required=False))
async def set_member(
    request: Request,
    caller: MemberManager,
    organisation_id: str,
    user_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """The user belongs to the organisation, which pays for what they ask from now on; with this role in it.

    An organisation's own administrators set the roles of its members; users are brought in by the installation's.
    """
    body = await bodies.read(request, SetMember, empty_is_object=True)
    check_identity("role")
    (role,) = checked_roles([body.role], "role")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    await _found(fresh, admin, caller, "members.manage", organisation_id)
    standing = await access.people.standing(user_id)
    is_member = bool(standing.membership(organisation_id).role)
    if await admin.reads.user(user_id) is None or not (is_member or may(caller, "members.manage", INSTALLATION)):
        raise fresh.missing("user")
    if standing.organisation_id != organisation_id and not may(caller, "members.manage", INSTALLATION):
        # What is said last of a membership says who pays.
        raise ApiError(
            409,
            "Another organisation pays for this user now. Ask an administrator of this installation.",
            code="paid_by_another",
            param="user_id",
        )
    headers = await _membership(request, caller, access, commands, organisation_id, user_id, role)
    return json_answer({"organisationId": organisation_id, "userId": user_id, "role": role}, 200, headers)


@router.delete("/{organisation_id}/members/{user_id}", status_code=204)
async def remove_member(
    request: Request,
    caller: MemberManager,
    organisation_id: str,
    user_id: str,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """They pay for themselves again. What was billed stays billed."""
    check_identity("role")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    await _found(fresh, admin, caller, "members.manage", organisation_id)
    if not (await access.people.standing(user_id)).membership(organisation_id).role:
        raise fresh.missing("member")
    headers = await _membership(request, caller, access, commands, organisation_id, user_id, None)
    return Response(status_code=204, headers=headers)


async def _membership(
    request: Request,
    caller: Principal,
    access: Access,
    commands: Commands,
    organisation_id: str,
    user_id: str,
    role: str | None,
) -> dict[str, str]:
    key = idempotency_key(request)
    said = envelope(request, caller, key, f"{organisation_id}/{user_id}", "MembershipChanged")
    event = MembershipChanged(envelope=said, user_id=user_id, organisation_id=organisation_id, role=role)
    return await give(access, commands, caller, key, event)


async def _found(
    fresh: Freshness, admin: AdminPorts, caller: Principal, action: str, organisation_id: str
) -> OrganisationRow:
    """The organisation, if the caller may do this with it. Raises ApiError 404: the same for those there are not; 503
    where it may yet come."""
    if not may(caller, action, Resource(organisation_id=organisation_id)):
        raise not_found("organisation")
    row = await admin.reads.organisation(organisation_id)
    if row is None:
        raise fresh.missing("organisation")
    return row


def organisation_json(row: OrganisationRow) -> dict[str, Any]:
    """`tier` null: the default one."""
    return {
        "id": row.organisation_id,
        "name": row.name,
        "tier": row.tier or None,
        "createdAt": iso(row.created_at_us),
    }
