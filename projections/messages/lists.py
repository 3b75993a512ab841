"""A conversation's messages as one list: of all branches, in the order in which they were asked for."""

from __future__ import annotations

from dataclasses import dataclass

from projections.cursors import encode_cursor
from projections.messages.queries import (
    MAX_MESSAGES,
    hidden_in,
    message,
    messages,
    older_turns,
    place_in_row,
)
from projections.messages.rows import MessageRow, messages_of
from projections.reading import Tables
from projections.stored_generations.queries import Order


@dataclass(frozen=True, slots=True)
class MessageList:
    """Messages in the order that was asked for. `has_more`: others follow."""

    rows: tuple[MessageRow, ...]
    has_more: bool


async def message_list(
    tables: Tables, conversation_id: str, after: str | None, order: Order, limit: int
) -> MessageList | None:
    """At most `limit` (and MAX_MESSAGES) messages, beginning behind the message `after`; `desc`: the newest first.

    None: `after` is not in the conversation, or it is hidden.
    """
    limit = max(1, min(limit, MAX_MESSAGES))
    last = None if after is None else await message(tables, conversation_id, after)
    if after is not None and last is None:
        return None
    if order == "asc":
        cursor = None if last is None else encode_cursor(last.order, place_in_row(last))
        page = await messages(tables, conversation_id, cursor, limit)
        return MessageList(page.rows, page.next_cursor is not None)
    hidden = await hidden_in(tables, conversation_id)
    found: list[MessageRow] = []
    passed = last is None
    async for rows in older_turns(tables, conversation_id, None if last is None else last.order + 1, limit + 1):
        for row in rows:
            for one in reversed(messages_of([row], hidden)):
                if passed:
                    found.append(one)
                passed = passed or one.message_id == after
        if len(found) > limit:
            break
    return MessageList(tuple(found[:limit]), len(found) > limit)
