"""POST /api/v1/conversations/import: one conversation that was held in another product."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import WriteCaller, author_of
from api.consistency.commanding import IdempotencyKey
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.upgrading import check_written
from api.http.answers import json_answer, openapi_body
from api.http.bodies import BodyReader
from api.http.errors import Overloaded
from api.http.gates import GateBusy
from api.http.headers import POSITION_HEADER
from api.moving.import_body import MAX_BYTES, ImportConversation, understood
from api.moving.importing import Importing
from api.moving.ports import MAX_AT_ONCE, Moving
from infra.clock import now_us
from infra.ids import draw_id

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

IMPORTS_FROM_LEVEL = 5
"""The write level from which every projector shows an import only when it is whole."""


@router.post("/import", openapi_extra=openapi_body(ImportConversation))
async def import_conversation(
    request: Request, caller: WriteCaller, bodies: BodyReader, fresh: Fresh, commands: Commands, moving: Moving
) -> Response:
    """Take over one conversation of another product. Repeating it adds only what is new."""
    check_written("import", IMPORTS_FROM_LEVEL)
    try:
        async with moving.imports.entered(moving.wait_s):
            wanted = await bodies.read_as(
                request, ImportConversation, lambda body: understood(body, now_us()), max_bytes=MAX_BYTES
            )
            # What is imported is known by its own ids, so a retry needs no key.
            author, key = author_of(request, caller), IdempotencyKey(draw_id(), False)
            found = await Importing(fresh, moving, commands, author, key).take(wanted)
    except GateBusy:
        raise Overloaded(f"{MAX_AT_ONCE} imports are already being taken") from None
    answer = {
        "id": found.conversation_id,
        "added": found.added,
        "known": found.known,
        "isNew": found.is_new,
        "shown": found.shown,
    }
    token = commands.own_writes.seen(found.conversation_id)
    headers = {POSITION_HEADER: str(token)} if token else {}
    return json_answer(answer, 201 if found.is_new and found.shown else 200, headers)
