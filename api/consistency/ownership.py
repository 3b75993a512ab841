"""Access to the caller's own conversations only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.consistency.freshness import Freshness
from api.consistency.position_tokens import join
from api.http.errors import bad_request, behind, not_found
from projections.conversations.queries import ConversationRow


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of the caller's. `row` None: begun here a moment ago, not in the projections yet."""

    conversation_id: str
    model: str | None
    row: ConversationRow | None


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
    fresh: Freshness, user_id: str, conversation_id: str, *, row_needed: bool = True
) -> Conversation:
    """The user's conversation. Raises ApiError 404: the same for unknown, deleted and others'; 503 where the
    projections are behind and it may yet come.

    Without `row_needed`, one that was begun here a moment ago is found without waiting for the projections.
    """
    checked_id("conversation", conversation_id)
    reads, own_writes = fresh.ports.reads, fresh.ports.own_writes
    written = own_writes.find(conversation_id)
    if written is not None:
        if written.deleted or written.user_id != user_id:
            raise not_found("conversation")
        if written.started and not row_needed:
            return Conversation(conversation_id, written.model, None)
    token = join(fresh.position, own_writes.seen(conversation_id))
    shown = await fresh.catch_up(token, conversation_id)
    row = await reads.conversation(conversation_id)
    if row is None or row.user_id != user_id:
        # Another process may have just created it. Another user's takes as long as a missing one.
        shown = shown and await fresh.up_to_date(conversation_id)
        row = await reads.conversation(conversation_id)
    if row is None and not shown:
        raise behind()
    if row is None or row.user_id != user_id:
        raise not_found("conversation")
    return Conversation(conversation_id, row.model, row)


async def row_of(fresh: Freshness, user_id: str, conversation_id: str) -> ConversationRow:
    """The row of the user's conversation. Raises as `conversation_of`."""
    found = await conversation_of(fresh, user_id, conversation_id)
    assert found.row is not None  # noqa: S101 - it was asked for
    return found.row
