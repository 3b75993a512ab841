"""conversation-events -> conversations_by_user. Pure.

A conversation gets a row on each day it was spoken to; the reader passes over all but the newest of them, and over
deleted conversations, by the conversation's own row.
"""

from __future__ import annotations

from projections.conversation_lists.table import CONVERSATIONS_BY_USER
from projections.order import last_wins
from projections.rows import Put, RowChange, Unprojectable
from schemas.conversation import ConversationEvent, ConversationStarted, MessagesAppended, PromptSubmitted
from schemas.envelope import Position
from schemas.turns import IMPORTS

_DAY_US = 86_400_000_000
_LAST_DAY = 2**31 - 1


def day_of(at_us: int) -> int:
    """Days since 1970-01-01 UTC. Raises Unprojectable for a time beyond all calendars."""
    day = at_us // _DAY_US
    if not 0 <= day <= _LAST_DAY:
        raise Unprojectable(f"occurred_at_us {at_us} is not a valid time")
    return day


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. Raises Unprojectable."""
    match record:
        case PromptSubmitted(kind="stateless") | PromptSubmitted(kind="compaction"):
            return ()
        case MessagesAppended() if record.envelope.actor == IMPORTS:
            return ()  # listed by the ConversationStarted behind the last of them
        case PromptSubmitted() | ConversationStarted() | MessagesAppended():
            at_us = record.envelope.occurred_at_us
            key = (record.user_id, day_of(at_us), record.conversation_id)
            return (Put(CONVERSATIONS_BY_USER, key, {"at_us": at_us}, last_wins(position)),)
        case _:
            return ()
