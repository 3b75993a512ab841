"""Pages of items: of a list, and of a conversation, whose messages are read as far as a page needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from api.conversations.ports import ConversationReads
from api.http.errors import ApiError
from api.responses.said import items_of_row, message_behind
from projections.messages.rows import MessageRow

MAX_PAGE = 100
MAX_READS = 50
"""Reads that one page takes at most: answers that say nothing have no items."""
Order = Literal["asc", "desc"]


def page_of(items: Sequence[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """A page of a list. Raises ApiError 404 for an `after` that is not there."""
    rest = items if after is None else _behind(items, after)
    return shown(rest[:limit], has_more=len(rest) > limit)


def shown(page: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """A page as clients have it."""
    return {
        "object": "list",
        "data": list(page),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": has_more,
    }


async def items_page(
    reads: ConversationReads, conversation_id: str, last: MessageRow | None, after: str | None, order: Order, limit: int
) -> dict[str, Any]:
    """Items of a conversation, of all its branches, behind the item `after`, which is of the message `last`.

    Raises ApiError 404 for an `after` that is not there.
    """
    found: list[dict[str, Any]] = []
    if after is not None:
        found = list(_behind(_ordered(last, order), after)) if last is not None else _behind((), after)
    cursor, more = None if last is None else last.message_id, True
    for _ in range(MAX_READS):
        if len(found) > limit or not more:
            break
        page = await reads.message_list(conversation_id, cursor, order, min(limit + 1, MAX_PAGE))
        if page is None or not page.rows:  # the message was deleted meanwhile, or there are no more
            more = False
            break
        for row in page.rows:
            found += _ordered(row, order)
        cursor, more = page.rows[-1].message_id, page.has_more
    return shown(found[:limit], has_more=more or len(found) > limit)


def item_of(row: MessageRow, item_id: str) -> dict[str, Any] | None:
    """The item with this id, if the message has it."""
    if message_behind(item_id) != row.message_id:
        return None
    return next((item for item in items_of_row(row) if item["id"] == item_id), None)


def no_such_item(param: str) -> ApiError:
    """The same for what never was, was deleted, or is another conversation's."""
    return ApiError(404, "No such item.", code="not_found", param=param)


def _ordered(row: MessageRow, order: Order) -> list[dict[str, Any]]:
    items = items_of_row(row)
    return items if order == "asc" else items[::-1]


def _behind(items: Sequence[dict[str, Any]], after: str) -> list[dict[str, Any]]:
    for nth, item in enumerate(items):
        if item["id"] == after:
            return list(items[nth + 1 :])
    raise no_such_item("after")
