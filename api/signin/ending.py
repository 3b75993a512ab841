"""One session ends: a record, and everything that was open by it."""

from __future__ import annotations

from fastapi import Request

from api.access.auth import AccessPorts
from api.consistency.ports import CommandPorts
from api.consistency.position_tokens import PositionToken
from api.signin.saying import born, say
from schemas.signing import SessionEnded
from topics.catalogue import ACCOUNT_EVENTS


async def end_session(
    request: Request, access: AccessPorts, commands: CommandPorts, user_id: str, session_id: str, session_sha256: str
) -> PositionToken:
    """From now on it opens nothing, and its open streams end, in every process. Raises ApiError 503."""
    envelope = born(request, user_id, "SessionEnded", session_id)
    event = SessionEnded(envelope=envelope, user_id=user_id, session_id=session_id, session_sha256=session_sha256)
    at = await say(request, commands, user_id, event)
    access.signed_in.ended(session_sha256)
    return commands.own_writes.wrote_of_user(user_id, ACCOUNT_EVENTS, at)
