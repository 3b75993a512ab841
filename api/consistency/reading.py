"""Reads that see the caller's writes, and never anybody else's rows."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from api.access.key_cache import Principal
from api.consistency.position_tokens import BEHIND_HEADER, HEADER, BadPositionToken, PositionToken, join, parse
from api.http.errors import bad_request, behind, not_found
from api.http.metrics import READS_BEHIND
from api.parts import Parts
from projections.conversations.queries import ConversationRow
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of the caller's. `row` None: begun here a moment ago, not in the projections yet."""

    conversation_id: str
    model: str | None
    row: ConversationRow | None


def token_from(request: Request) -> PositionToken:
    """The position a request asks to see. Raises ApiError 400."""
    try:
        return parse(",".join(request.headers.getlist(HEADER)))
    except BadPositionToken as error:
        raise bad_request(f"{HEADER}: {error}.", code="invalid_position", param=HEADER) from None


async def catch_up(request: Request, parts: Parts, token: PositionToken, conversation_id: str | None = None) -> bool:
    """Wait, bounded and once a request, until reads (of one conversation) show what `token` asks for.

    False: they do not, and the answer will say that it is behind.
    """
    if not token:
        return True
    headers = request.scope["state"]["answer_headers"]
    if BEHIND_HEADER in headers:
        return False
    shown = await parts.reads.wait_for(
        dict(token.offsets), token.generations, parts.settings.read_wait_s, conversation_id=conversation_id
    )
    if not shown:
        READS_BEHIND.inc()
        headers[BEHIND_HEADER] = "true"
    return shown


async def catch_up_lists(request: Request, parts: Parts, principal: Principal, topic: str) -> bool:
    """`catch_up` for what lists a user's own things of a topic: with the position the request brings, and with what
    this process wrote for that user."""
    own = parts.own_writes.in_lists(principal.user_id, topic)
    shown = await catch_up(request, parts, join(token_from(request), own))
    if shown:
        parts.own_writes.shown(principal.user_id, own)
    return shown


async def up_to_date(request: Request, parts: Parts, conversation_id: str | None = None) -> bool:
    """Wait, bounded, until reads show all that conversation-events (the partition of one conversation) holds now.

    For what seems not to be there, and for whoever brings no position. False: they do not.
    """
    try:
        newest = await parts.ends.newest(CONVERSATION_EVENTS, conversation_id)
    except LogUnavailable:
        return False
    return await catch_up(request, parts, PositionToken(tuple(newest.items())))


def checked_id(what: str, value: str, param: str | None = None) -> str:
    """An id as ours are written. What is none is simply not there: raises ApiError 404, or 400 for a parameter."""
    try:
        if len(value) == 36 and str(UUID(value)) == value:
            return value
    except ValueError:
        pass
    if param is not None:
        raise bad_request(f"Invalid value for '{param}': not an id.", param=param)
    raise not_found(what)


async def conversation_of(
    request: Request, parts: Parts, principal: Principal, conversation_id: str, *, row_needed: bool = True
) -> Conversation:
    """The caller's conversation. Raises ApiError 404: the same for unknown, deleted and others'; 503 where the
    projections are behind and it may yet come.

    Without `row_needed`, one that was begun here a moment ago is found without waiting for the projections.
    """
    checked_id("conversation", conversation_id)
    written = parts.own_writes.find(conversation_id)
    if written is not None:
        if written.deleted or written.user_id != principal.user_id:
            raise not_found("conversation")
        if written.started and not row_needed:
            return Conversation(conversation_id, written.model, None)
    token = join(token_from(request), parts.own_writes.seen(conversation_id))
    shown = await catch_up(request, parts, token, conversation_id)
    row = await parts.reads.conversation(conversation_id)
    if row is None or row.user_id != principal.user_id:
        # Another process may have begun it a moment ago. What is somebody else's takes as long as what is not there.
        shown = shown and await up_to_date(request, parts, conversation_id)
        row = await parts.reads.conversation(conversation_id)
    if row is None and not shown:
        raise behind()
    if row is None or row.user_id != principal.user_id:
        raise not_found("conversation")
    return Conversation(conversation_id, row.model, row)
