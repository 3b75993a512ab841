"""/api/v1/keys: the caller's own API keys."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import KEY_PREFIX, Access, KeyCaller, author_of, hash_of
from api.access.ports import Accounts
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.ownership import checked_id
from api.consistency.ports import Commands
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import behind, not_found
from api.http.headers import POSITION_HEADER
from infra.ids import draw_id, draw_secret
from projections.accounts.queries import ApiKeyRow
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class CreateKey(ApiBody):
    label: str = Field(default="", max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")


@router.post("", status_code=201, openapi_extra=openapi_body(CreateKey, required=False))
async def create_key(
    request: Request, caller: KeyCaller, bodies: BodyReader, access: Access, commands: Commands
) -> Response:
    """A new key. It is shown here and never again; only its hash is kept."""
    body = await bodies.read(request, CreateKey, empty_is_object=True)
    key_id, key = draw_id(), KEY_PREFIX + draw_secret(32)
    born = author_of(request, caller).envelope(key_id, "ApiKeyCreated")
    event = ApiKeyCreated(
        envelope=born, user_id=caller.user_id, key_id=key_id, key_sha256=hash_of(key), label=body.label, hint=key[-4:]
    )
    at = await send(commands.log, ACCOUNT_EVENTS, caller.user_id, event, idempotency_key(request))
    access.keys.created(event)
    answer = {
        "id": key_id,
        "key": key,
        "label": body.label,
        "hint": key[-4:],
        "revoked": False,
        "createdAt": iso(event.envelope.occurred_at_us),
    }
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return json_answer(answer, 201, {POSITION_HEADER: str(token)})


@router.get("")
async def list_keys(caller: KeyCaller, fresh: Fresh, accounts: Accounts) -> Response:
    """The caller's keys, without their secrets."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = sorted(await accounts.reads.keys(caller.user_id), key=lambda row: (row.created_at_us, row.key_id))
    return json_answer({"data": [key_json(row) for row in rows]})


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
    checked_id("key", key_id)
    shown = await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = next((row for row in await accounts.reads.keys(caller.user_id) if row.key_id == key_id), None)
    if row is None:
        raise not_found("key") if shown else behind()
    ended = author_of(request, caller).envelope(key_id, "ApiKeyRevoked")
    event = ApiKeyRevoked(ended, caller.user_id, key_id, row.key_sha256)
    at = await send(commands.log, ACCOUNT_EVENTS, caller.user_id, event, idempotency_key(request))
    access.keys.revoked(row.key_sha256)
    token = commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


def key_json(row: ApiKeyRow) -> dict[str, Any]:
    return {
        "id": row.key_id,
        "label": row.label,
        "hint": row.hint,
        "revoked": row.revoked,
        "createdAt": iso(row.created_at_us),
    }
