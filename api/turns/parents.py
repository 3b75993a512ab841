"""The parent of a prompt. `parent_message_id` is explicit in every event, so a stale tab makes a branch."""

from __future__ import annotations

import asyncio

from api.consistency.freshness import Freshness
from api.consistency.ownership import Conversation, checked_id
from api.consistency.position_tokens import join
from api.http.errors import ApiError, bad_request, behind, not_found
from api.streaming.tail_hub import TailHub
from api.turns.ports import MessageReads
from infra.clock import monotonic_s
from projections.messages.rows import MessageRow

ROOT = "root"
_POLL_S = 0.05


async def parent_of(
    fresh: Freshness, reads: MessageReads, hub: TailHub, conversation: Conversation, asked: str | None, own: str
) -> str | None:
    """The id of the complete answer, or of the appended message, that a prompt follows; None at the root.

    `asked` None: the newest message; if that is `own`, the prompt's own, another request with its key has come first
    meanwhile: its id, running or not. Waits, bounded, until its row is complete. Raises ApiError 400 for a message that
    is none of the conversation's answers, 409 while the parent still runs, 503 where the projections are behind: a
    parent is never guessed.
    """
    if asked == ROOT:
        return None
    if asked is not None:
        checked_id("message", asked, "parent_message_id")
    row = await _complete(fresh, reads, hub, conversation, asked, own)
    if row is None and asked is None:
        return None
    if row is None or (asked is not None and row.role != "assistant" and not row.appended):
        raise bad_request(
            "Invalid value for 'parent_message_id': no answer of this conversation has this id.",
            param="parent_message_id",
        )
    return row.message_id


async def settled_message(
    fresh: Freshness, reads: MessageReads, conversation: Conversation, message_id: str
) -> MessageRow:
    """A message of the conversation, waited for if its row may still be on its way. Raises ApiError 404; 503 where the
    projections are behind and it may yet come."""
    checked_id("message", message_id)
    shown = await _seen(fresh, conversation)
    row = await reads.message(conversation.conversation_id, message_id)
    if row is None:
        shown = shown and await fresh.up_to_date(conversation.conversation_id)
        row = await reads.message(conversation.conversation_id, message_id)
    if row is None:
        raise not_found("message") if shown else behind()
    return row


async def _complete(
    fresh: Freshness, reads: MessageReads, hub: TailHub, conversation: Conversation, asked: str | None, own: str
) -> MessageRow | None:
    """The parent's row, finished, or `own`. None if it is not there within the bounded wait."""
    shown = await _seen(fresh, conversation)
    if asked is None and shown and not _is_known(fresh, conversation):
        shown = await fresh.up_to_date(conversation.conversation_id)
    if asked is None and not shown:
        raise behind()  # an older answer would be found, and the newest would be missing from the context
    until_s = monotonic_s() + fresh.ports.wait_s
    while True:
        if asked is None:
            row = await reads.leaf(conversation.conversation_id)
        else:
            row = await reads.message(conversation.conversation_id, asked)
        if row is not None and (row.status != "running" or (asked is None and row.message_id == own)):
            return row
        if row is None and asked is None:
            return None
        # A generation known to run here will not be complete in a moment; a row that lags will.
        live = None if row is None else hub.by_generation(row.message_id)
        if (live is not None and live.ending is None) or monotonic_s() >= until_s:
            if row is None and not shown:
                raise behind()
            if row is None:
                return None
            raise ApiError(
                409,
                "The parent message is still being answered. Wait until it ends, or cancel it.",
                code="parent_running",
                param="parent_message_id",
                headers={"x-should-retry": "true", "Retry-After": "1"},
            )
        await asyncio.sleep(_POLL_S)


def _is_known(fresh: Freshness, conversation: Conversation) -> bool:
    """Whether caller or process says how far the conversation has come; if not, the log must be asked."""
    return bool(fresh.position) or fresh.ports.own_writes.find(conversation.conversation_id) is not None


async def _seen(fresh: Freshness, conversation: Conversation) -> bool:
    own = fresh.ports.own_writes.seen(conversation.conversation_id)
    return await fresh.catch_up(join(fresh.position, own), conversation.conversation_id)
