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
NEW_COLUMNS = ("made_title", "first_metadata", "metadata", "temporary")
"""What older definitions have not: the first three definition 1, the last one definition 2."""
_SELECTION = COLUMNS + "".join(f"{{+{name}}}" for name in NEW_COLUMNS)
_NAMES = (*COLUMNS.split(", "), *NEW_COLUMNS)
_ONE = f"SELECT {_SELECTION} FROM {{conversations}} WHERE conversation_id = ?"  # noqa: S608 - our own columns
_SOME = f"SELECT {_SELECTION} FROM {{conversations}} WHERE conversation_id IN ?"  # noqa: S608 - our own columns
_CHANGED = "SELECT changed, deleted FROM {conversations} WHERE conversation_id = ?"
_BORN = "SELECT user_id, WRITETIME(user_id), WRITETIME(created_at_us) FROM {conversations} WHERE conversation_id = ?"
MAX_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation. `title`: as its user named it (then it is `named`), else as was made for it, else the beginning
    of its first prompt, else None.

    `preview`: the beginning of the last prompt, None before the first. Times are microseconds since 1970 UTC;
    `updated_at_us` is the last prompt's. `metadata`: the user's notes as they are now. `temporary`: it is in no list.
    """

    conversation_id: str
    user_id: str
    created_at_us: int
    title: Content | None
    system_prompt: Content | None
    model: str | None
    preview: str | None
    updated_at_us: int
    metadata: Content | None = None
    named: bool = False
    temporary: bool = False


def row_of(values: Row) -> ConversationRow | None:
    """The conversation in a row of COLUMNS and as many of NEW_COLUMNS as there are; None for one that is deleted, or
    not begun."""
    row = dict(zip(_NAMES, values, strict=False))
    # Without a first record seen there is no owner, and so nothing to show.
    if row["deleted"] or row["user_id"] is None:
        return None
    given = shown_title(row["title"]) or shown_title(row["first_title"])
    return ConversationRow(
        conversation_id=row["conversation_id"],
        user_id=row["user_id"],
        created_at_us=row["created_at_us"],
        title=given or shown_title(row.get("made_title")) or shown_excerpt(row["first_excerpt"]),
        system_prompt=from_optional_cell(row["system_prompt"]),
        model=row["model"],
        preview=shown_excerpt(row["preview"]),
        updated_at_us=row["created_at_us"] if row["last_at_us"] is None else row["last_at_us"],
        metadata=from_optional_cell(row.get("metadata") or row.get("first_metadata")),
        named=given is not None,
        temporary=bool(row.get("temporary")),
    )


def is_deleted(values: Row) -> bool:
    """Whether the row of COLUMNS is a deleted conversation's."""
    return bool(values[_NAMES.index("deleted")])


async def conversation(tables: Tables, conversation_id: str) -> ConversationRow | None:
    """The conversation; None if there is none, or it is deleted."""
    values = await tables.one(_NAME, _ONE, (conversation_id,))
    return None if values is None else row_of(values)


async def standing(tables: Tables, conversation_id: str) -> tuple[ConversationRow | None, bool]:
    """The conversation, and whether it is deleted (then there is none)."""
    values = await tables.one(_NAME, _ONE, (conversation_id,))
    return (None, False) if values is None else (row_of(values), is_deleted(values))


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
    if values is None or values[0] is None:
        return None
    # Of an imported one the first message says when it began, and the last record whose it is.
    keys = [key for key in map(key_of, values[1:]) if key is not None]
    return min(keys, default=None)
