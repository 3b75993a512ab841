"""What readers ask about conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.content import from_optional_cell, shown_excerpt, shown_title
from projections.order import key_of
from projections.reading import Tables
from schemas.envelope import Content

_NAME = "conversations"
COLUMNS = (
    "conversation_id, user_id, created_at_us, first_title, system_prompt, first_excerpt, title, model, preview,"
    " last_at_us, changed, deleted"
)
_ONE = f"SELECT {COLUMNS} FROM {{conversations}} WHERE conversation_id = ?"  # noqa: S608 - our own columns
_SOME = f"SELECT {COLUMNS} FROM {{conversations}} WHERE conversation_id IN ?"  # noqa: S608 - our own columns
_CHANGED = "SELECT changed, deleted FROM {conversations} WHERE conversation_id = ?"
_BORN = "SELECT user_id, WRITETIME(user_id) FROM {conversations} WHERE conversation_id = ?"
MAX_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation. `title`: as named, else the beginning of its first prompt, else None.

    `preview`: the beginning of the last prompt, None before the first. Times are microseconds since 1970 UTC;
    `updated_at_us` is the last prompt's.
    """

    conversation_id: str
    user_id: str
    created_at_us: int
    title: Content | None
    system_prompt: Content | None
    model: str | None
    preview: str | None
    updated_at_us: int


def row_of(values: Row) -> ConversationRow | None:
    """The conversation in a row of COLUMNS; None for one that is deleted, or not begun."""
    key, user, created, first_title, system_prompt, first_excerpt, title, model, preview, last, _, deleted = values
    # Without a first record seen there is no owner, and so nothing to show.
    if deleted or user is None:
        return None
    return ConversationRow(
        conversation_id=key,
        user_id=user,
        created_at_us=created,
        title=shown_title(title) or shown_title(first_title) or shown_excerpt(first_excerpt),
        system_prompt=from_optional_cell(system_prompt),
        model=model,
        preview=shown_excerpt(preview),
        updated_at_us=created if last is None else last,
    )


async def conversation(tables: Tables, conversation_id: str) -> ConversationRow | None:
    """The conversation; None if there is none, or it is deleted."""
    values = await tables.one(_NAME, _ONE, (conversation_id,))
    return None if values is None else row_of(values)


async def standing(tables: Tables, conversation_id: str) -> tuple[ConversationRow | None, bool]:
    """The conversation, and whether it is deleted (then there is none)."""
    values = await tables.one(_NAME, _ONE, (conversation_id,))
    return (None, False) if values is None else (row_of(values), bool(values[-1]))


async def conversations(tables: Tables, conversation_ids: Sequence[str]) -> dict[str, ConversationRow]:
    """Those of at most MAX_AT_ONCE conversations that are there."""
    rows = await tables.select(_NAME, _SOME, (list(conversation_ids),))
    return {row.conversation_id: row for values in rows if (row := row_of(values)) is not None}


async def changed(tables: Tables, conversation_id: str) -> tuple[int | None, bool]:
    """Order key of the newest record its rows show (None: none), and whether it is deleted."""
    values = await tables.one(_NAME, _CHANGED, (conversation_id,))
    return (None, False) if values is None else (values[0], bool(values[1]))


async def begun_at(tables: Tables, conversation_id: str) -> int | None:
    """The order key of the record that the conversation began with; None if there is no such conversation (any
    more)."""
    values = await tables.one(_NAME, _BORN, (conversation_id,))
    return None if values is None or values[0] is None else key_of(values[1])
