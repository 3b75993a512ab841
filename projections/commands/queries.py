"""What readers ask about commands that carried a key."""

from __future__ import annotations

from dataclasses import dataclass

from projections.content import from_optional_cell
from projections.reading import Tables
from schemas.envelope import Content

_NAME = "commands"
_ONE = "SELECT user_id, request_hash, title, rating, comment FROM {commands} WHERE conversation_id = ? AND event_id = ?"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """The first command with this event id. `title` of a renaming, `rating` and `comment` of feedback; of metadata
    `comment` is all of it. `order_key`: of a command in account-events, where its record stands."""

    user_id: str
    request_hash: str
    title: Content | None = None
    rating: str | None = None
    comment: Content | None = None
    order_key: int | None = None


async def command(tables: Tables, conversation_id: str, event_id: str) -> CommandRow | None:
    """The command; None: there is none with a key, or it is not in the tables yet."""
    row = await tables.one(_NAME, _ONE, (conversation_id, event_id))
    if row is None or row[1] is None:
        return None
    user_id, request_hash, title, rating, comment = row
    return CommandRow(user_id, request_hash, from_optional_cell(title), rating, from_optional_cell(comment))
