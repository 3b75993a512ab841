"""/api/v1/admin/invitations and password resets: one-time links, made and taken back by administrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Access, UserManager, UserReader, author_of
from api.access.words import checked_roles, checked_tier
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.ownership import checked_id
from api.consistency.ports import Commands
from api.consistency.upgrading import check_signing
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, bad_request
from api.http.headers import POSITION_HEADER
from api.signin.names import checked_name
from api.signin.one_time import DAY_US, DAYS, INVITATION, LINK_PREFIX, LONGEST_DAYS, RESET, hash_of_link, state_of
from api.signin.ports import Signing
from infra.clock import now_us
from infra.ids import draw_id, draw_secret
from projections.sign_ins.queries import MAX_LINKS, LinkRow
from schemas.signing import OneTimeLinkMade, OneTimeLinkRevoked
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/admin", tags=["admin"])


class Invite(ApiBody):
    """`name`: the only name it is for. What is left out is as for everybody."""

    name: str = Field(default="", max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")
    roles: list[str] = Field(default=[], max_length=10)
    tier: str = Field(default="", max_length=64)
    organisation_id: str = Field(default="", max_length=64)
    organisation_role: str = Field(default="", max_length=20)
    days: int = Field(default=DAYS[INVITATION], ge=1, le=LONGEST_DAYS)


class ResetFor(ApiBody):
    days: int = Field(default=DAYS[RESET], ge=1, le=LONGEST_DAYS)


@router.get("/invitations")
async def list_invitations(caller: UserReader, fresh: Fresh, signing: Signing) -> Response:
    """One-time links, invitations and resets, newest first, without their texts."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    at_us = now_us()
    return json_answer({"data": [link_json(row, at_us) for row in await signing.reads.one_time_links(at_us)]})


@router.post("/invitations", status_code=201, openapi_extra=openapi_body(Invite, required=False))
async def invite(
    request: Request,
    caller: UserManager,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    signing: Signing,
    commands: Commands,
) -> Response:
    """A link by which a person becomes a user, once. It is shown here and never again; only its hash is kept."""
    body = await bodies.read(request, Invite, empty_is_object=True)
    check_signing("invitations")
    roles, tier = checked_roles(body.roles), checked_tier(body.tier, access.limiter.tiers)
    if body.organisation_role:
        checked_roles([body.organisation_role], "organisationRole")
        if not body.organisation_id:
            raise bad_request("A role in an organisation needs 'organisationId'.", param="organisationRole")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    if body.organisation_id and await signing.reads.organisation(body.organisation_id) is None:
        raise fresh.missing("organisation", param="organisationId")
    return await _made(
        request,
        caller,
        signing,
        commands,
        kind=INVITATION,
        days=body.days,
        name=checked_name(body.name) if body.name.strip() else "",
        roles=roles,
        tier=tier,
        organisation_id=body.organisation_id,
        organisation_role=body.organisation_role,
    )


@router.delete("/invitations/{link_id}", status_code=204)
async def take_back(
    request: Request, link_id: str, caller: UserManager, fresh: Fresh, signing: Signing, commands: Commands
) -> Response:
    """The link is good no more."""
    checked_id("invitation", link_id)
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = next((row for row in await signing.reads.one_time_links(now_us()) if row.link_id == link_id), None)
    if row is None:
        raise fresh.missing("invitation")
    event = OneTimeLinkRevoked(
        envelope=author_of(request, caller).envelope(link_id, "OneTimeLinkRevoked"),
        link_id=link_id,
        token_sha256=row.token_sha256,
    )
    at = await send(commands.log, ACCOUNT_EVENTS, link_id, event, idempotency_key(request))
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


@router.post("/users/{user_id}/reset", status_code=201, openapi_extra=openapi_body(ResetFor, required=False))
async def reset(
    request: Request,
    user_id: str,
    caller: UserManager,
    bodies: BodyReader,
    fresh: Fresh,
    signing: Signing,
    commands: Commands,
) -> Response:
    """A link by which the user chooses a new password, once."""
    checked_id("user", user_id)
    body = await bodies.read(request, ResetFor, empty_is_object=True)
    check_signing("reset")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    if await signing.reads.user(user_id) is None:
        raise fresh.missing("user")
    return await _made(request, caller, signing, commands, kind=RESET, days=body.days, user_id=user_id)


async def _made(
    request: Request, caller: UserManager, signing: Signing, commands: Commands, *, kind: str, days: int, **said: Any
) -> Response:
    at_us = now_us()
    if sum(state_of(row, at_us) == "good" for row in await signing.reads.one_time_links(at_us)) >= MAX_LINKS:
        raise ApiError(
            409,
            f"There are {MAX_LINKS} one-time links still to be used. Take some of them back.",
            code="too_many_links",
        )
    link_id, text = draw_id(), LINK_PREFIX + draw_secret(32)
    envelope = author_of(request, caller).envelope(link_id, "OneTimeLinkMade")
    event = OneTimeLinkMade(
        envelope=envelope,
        link_id=link_id,
        token_sha256=hash_of_link(text) or "",
        kind=kind,
        expires_at_us=envelope.occurred_at_us + days * DAY_US,
        **said,
    )
    at = await send(commands.log, ACCOUNT_EVENTS, link_id, event, idempotency_key(request))
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    where = f"{request.url.scheme}://{request.url.netloc}/signin#{kind}={text}"
    answer = {"id": link_id, "kind": kind, "link": text, "address": where, "expiresAt": iso(event.expires_at_us)}
    return json_answer(answer, 201, {POSITION_HEADER: str(token)})


def link_json(row: LinkRow, at_us: int) -> dict[str, Any]:
    return {
        "id": row.link_id,
        "kind": row.kind,
        "state": state_of(row, at_us),
        "userId": row.user_id or None,
        "name": row.name or None,
        "roles": list(row.roles),
        "tier": row.tier or None,
        "organisationId": row.organisation_id or None,
        "organisationRole": row.organisation_role or None,
        "madeBy": row.made_by,
        "createdAt": iso(row.created_at_us),
        "expiresAt": iso(row.expires_at_us),
    }
