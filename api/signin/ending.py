"""One session ends: a record, and everything that was open by it."""

from __future__ import annotations

from fastapi import Request

from api.access.auth import AccessPorts
from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.ports import CommandPorts
from api.consistency.position_tokens import PositionToken
from api.http.middleware import request_id
from schemas.signing import SessionEnded
from topics.catalogue import ACCOUNT_EVENTS


async def end_session(
    request: Request, access: AccessPorts, commands: CommandPorts, user_id: str, session_id: str, session_sha256: str
) -> PositionToken:
    """From now on it opens nothing, and its open streams end, in every process. Raises ApiError 503."""
    envelope = Author(user_id, request_id(request.scope)).envelope(session_id, "SessionEnded")
    event = SessionEnded(envelope=envelope, user_id=user_id, session_id=session_id, session_sha256=session_sha256)
    at = await send(commands.log, ACCOUNT_EVENTS, user_id, event, IdempotencyKey(session_id, False))
    access.signed_in.ended(session_sha256)
    return commands.own_writes.wrote_of_user(user_id, ACCOUNT_EVENTS, at)
