"""/api/v1/admin/keys: the keys of others: seen, made, limited, revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access.auth import Access, AllKeysManager, AllKeysReader, author_of
from api.access.new_keys import ChangeKey, CreateKey, check_room, key_json, key_made, row_of
from api.admin.ports import Admin, AdminPorts
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ports import Commands
from api.consistency.upgrading import check_identity
from api.http.answers import json_answer, openapi_body
from api.http.bodies import BodyReader
from api.http.errors import bad_request
from api.http.headers import POSITION_HEADER
from projections.accounts.queries import ApiKeyRow
from schemas.account import ApiKeyRevoked
from schemas.identity import ApiKeyChanged
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/admin/keys", tags=["admin"])
OfUser = Annotated[str, Query(alias="user_id", min_length=1, max_length=64)]


class CreateKeyFor(CreateKey):
    user_id: str = Field(min_length=1, max_length=64)


@router.get("")
async def list_keys(caller: AllKeysReader, user_id: OfUser, fresh: Fresh, access: Access, admin: Admin) -> Response:
    """The keys of a user, without their secrets."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = await admin.reads.keys(user_id)
    used = await access.key_uses.last([row.key_id for row in rows])
    data = [{**key_json(row, used.get(row.key_id)), "userId": user_id} for row in rows]
    return json_answer({"data": data, "nextCursor": None})


@router.post("", status_code=201, openapi_extra=openapi_body(CreateKeyFor))
async def create_key(
    request: Request,
    caller: AllKeysManager,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """A new key of a user's. It is shown here and never again; only its hash is kept."""
    body = await bodies.read(request, CreateKeyFor)
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    if await admin.reads.user(body.user_id) is None:
        raise fresh.missing("user", param="user_id")
    check_room(await admin.reads.keys(body.user_id))
    owner = await access.people.standing(body.user_id)
    event, key = key_made(body, caller, owner, author_of(request, caller))
    at = await send(commands.log, ACCOUNT_EVENTS, body.user_id, event, idempotency_key(request))
    access.keys.created(event)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    answer = {**key_json(row_of(event)), "userId": body.user_id, "key": key}
    return json_answer(answer, 201, {POSITION_HEADER: str(token)})


@router.patch("/{key_id}", openapi_extra=openapi_body(ChangeKey))
async def change_key(
    request: Request,
    caller: AllKeysManager,
    key_id: str,
    user_id: OfUser,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """Another label, or other limits: all of them, those that are left out are gone."""
    body = await bodies.read(request, ChangeKey)
    if body.label is None and body.limits is None:
        raise bad_request("Send at least one of 'label' and 'limits'.", param="label")
    check_identity("limits")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row, key = await _found(fresh, admin, user_id, key_id), idempotency_key(request)
    event = ApiKeyChanged(
        envelope=author_of(request, caller).envelope(f"{key_id}/{key.value}", "ApiKeyChanged"),
        user_id=user_id,
        key_id=key_id,
        key_sha256=row.key_sha256,
        label=body.label,
        limits=None if body.limits is None else body.limits.limits(),
    )
    at = await send(commands.log, ACCOUNT_EVENTS, user_id, event, key)
    access.keys.changed(event)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    shown = {"label": row.label if body.label is None else body.label}
    limits = {} if body.limits is None else {"limits": body.limits.model_dump(by_alias=True)}
    return json_answer({**key_json(row), **shown, **limits}, 200, {POSITION_HEADER: str(token)})


@router.delete("/{key_id}", status_code=204)
async def revoke_key(
    request: Request,
    caller: AllKeysManager,
    key_id: str,
    user_id: OfUser,
    fresh: Fresh,
    access: Access,
    admin: Admin,
    commands: Commands,
) -> Response:
    """From now on it opens nothing, and its open streams end."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = await _found(fresh, admin, user_id, key_id)
    ended = author_of(request, caller).envelope(key_id, "ApiKeyRevoked")
    event = ApiKeyRevoked(ended, user_id, key_id, row.key_sha256)
    at = await send(commands.log, ACCOUNT_EVENTS, user_id, event, idempotency_key(request))
    access.keys.revoked(row.key_sha256)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


async def _found(fresh: Freshness, admin: AdminPorts, user_id: str, key_id: str) -> ApiKeyRow:
    row = next((row for row in await admin.reads.keys(user_id) if row.key_id == key_id), None)
    if row is None:
        raise fresh.missing("key")
    return row
