"""What readers ask about answers that were asked to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from projections.content import from_optional_cell
from projections.reading import Tables
from projections.stored_generations.fold import NO_SURFACE
from schemas.envelope import Content

Order = Literal["asc", "desc"]

_NAME = "stored_generations"
_SELECT = "SELECT at_us, generation_id, conversation_id, model FROM {stored_by_user} WHERE user_id = ? AND surface = ?"
_BACKWARDS = "ORDER BY at_us DESC, generation_id DESC"
_NEWEST_FIRST = f"{_SELECT} {_BACKWARDS} LIMIT ?"
_OLDER = f"{_SELECT} AND (at_us, generation_id) < (?, ?) {_BACKWARDS} LIMIT ?"
_OLDEST_FIRST = f"{_SELECT} LIMIT ?"
_NEWER = f"{_SELECT} AND (at_us, generation_id) > (?, ?) LIMIT ?"
_NOTES = "SELECT metadata FROM {generation_notes} WHERE conversation_id = ? AND generation_id = ?"


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """A kept answer as the list of them names it."""

    at_us: int
    generation_id: str
    conversation_id: str
    model: str


async def stored_places(
    tables: Tables, user_id: str, surface: str, after: tuple[int, str] | None, order: Order, limit: int
) -> list[StoredPlace]:
    """At most `limit` answers that the user asked for by this surface and wanted kept, in the order of their times.

    `after`: time and id of the one before the first. Also of what has been deleted since.
    """
    whose = (user_id, surface or NO_SURFACE)
    if after is None:
        cql, values = _NEWEST_FIRST if order == "desc" else _OLDEST_FIRST, (*whose, limit)
        rows = await tables.select(_NAME, cql, values)
    else:
        rows = await tables.select(_NAME, _OLDER if order == "desc" else _NEWER, (*whose, *after, limit))
    return [StoredPlace(*row) for row in rows]


async def changed_metadata(tables: Tables, conversation_id: str, generation_id: str) -> Content | None:
    """The metadata that was put to an answer after it was asked for; None: none was."""
    values = await tables.one(_NAME, _NOTES, (conversation_id, generation_id))
    return None if values is None else from_optional_cell(values[0])
