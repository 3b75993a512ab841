"""/api/v1/keys: the caller's own API keys."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import Access, KeyCaller, author_of
from api.access.new_keys import ChangeKey, CreateKey, check_room, key_json, key_made, key_with_budget, row_of
from api.access.ports import AccountPorts, Accounts
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import checked_id
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

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


@router.post("", status_code=201, openapi_extra=openapi_body(CreateKey, required=False))
async def create_key(
    request: Request, caller: KeyCaller, bodies: BodyReader, access: Access, accounts: Accounts, commands: Commands
) -> Response:
    """A new key. It is shown here and never again; only its hash is kept."""
    body = await bodies.read(request, CreateKey, empty_is_object=True)
    if accounts.budgets.limits_key(caller.account, caller.key_id):
        raise key_with_budget()
    check_room(await accounts.reads.keys(caller.user_id))
    owner = await access.people.standing(caller.user_id)
    event, key = key_made(body, caller, owner, author_of(request, caller))
    at = await send(commands.log, ACCOUNT_EVENTS, caller.user_id, event, idempotency_key(request))
    access.keys.created(event)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return json_answer({**key_json(row_of(event)), "key": key}, 201, {POSITION_HEADER: str(token)})


@router.get("")
async def list_keys(caller: KeyCaller, fresh: Fresh, access: Access, accounts: Accounts) -> Response:
    """The caller's keys, without their secrets."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = sorted(await accounts.reads.keys(caller.user_id), key=lambda row: (row.created_at_us, row.key_id))
    used = await access.key_uses.last([row.key_id for row in rows])
    return json_answer({"data": [key_json(row, used.get(row.key_id)) for row in rows]})


@router.patch("/{key_id}", openapi_extra=openapi_body(ChangeKey))
async def change_key(
    request: Request,
    caller: KeyCaller,
    key_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    commands: Commands,
) -> Response:
    """Give it another label. Its limits an administrator changes."""
    body = await bodies.read(request, ChangeKey)
    if body.label is None or body.limits is not None:
        raise bad_request("Send 'label', and nothing else: limits are changed by an administrator.", param="label")
    check_identity("label")
    row = await own_key(fresh, accounts, caller.user_id, key_id)
    key = idempotency_key(request)
    event = ApiKeyChanged(
        envelope=author_of(request, caller).envelope(f"{key_id}/{key.value}", "ApiKeyChanged"),
        user_id=caller.user_id,
        key_id=key_id,
        key_sha256=row.key_sha256,
        label=body.label,
    )
    at = await send(commands.log, ACCOUNT_EVENTS, caller.user_id, event, key)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return json_answer({**key_json(row), "label": body.label}, 200, {POSITION_HEADER: str(token)})


@router.delete("/{key_id}", status_code=204)
async def revoke_key(
    request: Request,
    caller: KeyCaller,
    key_id: str,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    commands: Commands,
) -> Response:
    """From now on it opens nothing, and its open streams end."""
    row = await own_key(fresh, accounts, caller.user_id, key_id)
    ended = author_of(request, caller).envelope(key_id, "ApiKeyRevoked")
    event = ApiKeyRevoked(ended, caller.user_id, key_id, row.key_sha256)
    at = await send(commands.log, ACCOUNT_EVENTS, caller.user_id, event, idempotency_key(request))
    access.keys.revoked(row.key_sha256)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


async def own_key(fresh: Freshness, accounts: AccountPorts, user_id: str, key_id: str) -> ApiKeyRow:
    """The user's key. Raises ApiError 404, 503 where it may yet come."""
    checked_id("key", key_id)
    await fresh.catch_up_lists(user_id, ACCOUNT_EVENTS)
    row = next((row for row in await accounts.reads.keys(user_id) if row.key_id == key_id), None)
    if row is None:
        raise fresh.missing("key")
    return row
