"""A user's conversations, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from projections.conversation_lists.fold import day_of
from projections.conversations.queries import MAX_AT_ONCE, ConversationRow, conversations
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.reading import Tables
from projections.rows import Unprojectable

_NAME = "conversation_lists"
# Ordered by day; the rows of one day come by id and are sorted here.
_NEXT_DAY = "SELECT day FROM {conversations_by_user} WHERE user_id = ? AND day <= ? LIMIT 1"
_DAY = "SELECT conversation_id, at_us FROM {conversations_by_user} WHERE user_id = ? AND day = ?"
_FAR_FUTURE = 2**31 - 1
_MAX_SEEN_PER_PAGE = 2000


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """`next_cursor` None: nothing comes after. A page may be short, and still not the last."""

    rows: tuple[ConversationRow, ...]
    next_cursor: str | None


def cursor_after(row: ConversationRow) -> str:
    """What the conversations after this one are asked for with."""
    return encode_cursor(row.updated_at_us, row.conversation_id)


def _after(cursor: str) -> tuple[int, str]:
    """When the last conversation given out was last spoken to, and its id."""
    at_us, conversation_id = decode_cursor(cursor)
    try:
        day_of(at_us)
        conversation_id.encode()
    except (Unprojectable, UnicodeEncodeError):
        raise BadCursor from None
    return at_us, conversation_id


async def conversation_page(tables: Tables, user_id: str, cursor: str | None, limit: int) -> ConversationPage:
    """At most `limit` of the user's conversations after `cursor`, the one last spoken to first.

    A conversation that is spoken to between two pages moves to the front and is not given out again.
    Raises BadCursor, StoreUnavailable, StoreRefused.
    """
    after = None if cursor is None else _after(cursor)
    day = _FAR_FUTURE if after is None else day_of(after[0])
    page: list[ConversationRow] = []
    seen = 0
    while (found := await tables.one(_NAME, _NEXT_DAY, (user_id, day))) is not None:
        (day,) = found
        candidates = sorted(
            ((at_us, key) for key, at_us in await tables.select(_NAME, _DAY, (user_id, day))), reverse=True
        )
        if after is not None:
            candidates = [c for c in candidates if c < after]
        for start in range(0, len(candidates), MAX_AT_ONCE):
            some = candidates[start : start + MAX_AT_ONCE]
            rows = await conversations(tables, [key for _, key in some])
            for at_us, key in some:
                after = (at_us, key)
                seen += 1
                row = rows.get(key)
                # A row of an earlier day, or one moved to the front meanwhile; a deleted one is not there at all.
                if row is not None and row.user_id == user_id and day_of(row.updated_at_us) == day:
                    page.append(row)
                if len(page) == limit or seen == _MAX_SEEN_PER_PAGE:
                    return ConversationPage(tuple(page), encode_cursor(*after))
        day -= 1
    return ConversationPage(tuple(page), None)
