"""What readers ask about marks of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from infra.cassandra.session import Row
from projections.content import from_optional_cell
from projections.conversations.queries import MAX_AT_ONCE
from projections.preferences.queries import deleted_folders
from projections.reading import Tables
from schemas.envelope import Content

_NAME = "conversation_marks"
COLUMNS = "conversation_id, pinned, archived, folder_id, settings"
_SOME = f"SELECT {COLUMNS} FROM {{conversation_marks}} WHERE user_id = ? AND conversation_id IN ?"  # noqa: S608 - our own columns
_MARKED_OF = (
    "SELECT conversation_id, is_set FROM {marked_by_user} WHERE user_id = ? AND mark = ? AND conversation_id IN ?"
)
_MARKED = "SELECT conversation_id, is_set FROM {marked_by_user} WHERE user_id = ? AND mark = ? LIMIT ?"


@dataclass(frozen=True, slots=True)
class Marks:
    """What its user has put to a conversation. `folder_id` None: in none; `settings`: a JSON object."""

    pinned: bool = False
    archived: bool = False
    folder_id: str | None = None
    settings: Content | None = None


UNMARKED = Marks()


def marks_of(values: Row) -> Marks:
    """The marks in a row of COLUMNS."""
    _, pinned, archived, folder_id, settings = values
    return Marks(bool(pinned), bool(archived), folder_id or None, from_optional_cell(settings))


class UserMarks:
    """The marks of one user's conversations, for one request: which folders are gone is asked once."""

    def __init__(self, tables: Tables, user_id: str) -> None:
        self._tables = tables
        self._user_id = user_id
        self._gone: frozenset[str] | None = None

    async def of(self, conversation_ids: Sequence[str]) -> dict[str, Marks]:
        """Those of the conversations that have some. A folder that is deleted holds none."""
        found: dict[str, Marks] = {}
        for start in range(0, len(conversation_ids), MAX_AT_ONCE):
            some = list(conversation_ids[start : start + MAX_AT_ONCE])
            rows = await self._tables.select(_NAME, _SOME, (self._user_id, some))
            found |= {values[0]: marks_of(values) for values in rows}
        if self._gone is None and any(each.folder_id is not None for each in found.values()):
            self._gone = await deleted_folders(self._tables, self._user_id)
        return without_folders(found, self._gone or frozenset())


def without_folders(found: Mapping[str, Marks], gone: frozenset[str]) -> dict[str, Marks]:
    """The marks without folders that are gone."""
    return {key: replace(each, folder_id=None) if each.folder_id in gone else each for key, each in found.items()}


async def marked(tables: Tables, user_id: str, mark: str, most: int) -> list[str] | None:
    """The conversations that were marked so, perhaps no more; None: there are more than `most`."""
    rows = await tables.select(_NAME, _MARKED, (user_id, mark, most + 1))
    return None if len(rows) > most else [conversation_id for conversation_id, is_set in rows if is_set]


async def marked_of(tables: Tables, user_id: str, mark: str, conversation_ids: Sequence[str]) -> set[str]:
    """Those of some conversations that were marked so, perhaps no more."""
    rows = await tables.select(_NAME, _MARKED_OF, (user_id, mark, list(conversation_ids)))
    return {conversation_id for conversation_id, is_set in rows if is_set}
