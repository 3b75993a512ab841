"""Records that somebody causes who is not let in yet, or who just came in."""

from __future__ import annotations

from fastapi import Request

from api.consistency.commanding import IdempotencyKey, send
from api.consistency.ports import CommandPorts
from api.http.middleware import request_id
from infra.clock import now_us
from infra.ids import draw_id
from schemas import ids
from schemas.account import AccountEvent
from schemas.envelope import Envelope, Position
from topics.catalogue import ACCOUNT_EVENTS


def born(request: Request, user_id: str, event_type: str, cause: str = "") -> Envelope:
    """The envelope of a record. `cause`: what its id derives from; empty: it is drawn."""
    event_id = ids.event_id(cause or draw_id(), event_type)
    return Envelope(event_id, now_us(), None, request_id(request.scope), f"user:{user_id}")


async def say(request: Request, commands: CommandPorts, user_id: str, event: AccountEvent, key: str = "") -> Position:
    """Write a record of the user's, under their id or `key`. Raises ApiError 503."""
    at = await send(commands.log, ACCOUNT_EVENTS, key or user_id, event, IdempotencyKey(draw_id(), False))
    commands.own_writes.wrote_of_user(user_id, ACCOUNT_EVENTS, at)
    return at
