"""What readers ask about what a user keeps beside their conversations."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.commands.queries import CommandRow
from projections.content import from_cell, from_optional_cell
from projections.order import key_of
from projections.reading import Tables
from schemas.envelope import Content

_NAME = "preferences"
_SETTINGS = "SELECT name, value FROM {settings} WHERE user_id = ?"
_FOLDERS = "SELECT folder_id, name, created_at_us, deleted FROM {folders} WHERE user_id = ?"
_SNIPPETS = "SELECT snippet_id, name, body, created_at_us, deleted FROM {snippets} WHERE user_id = ?"
_COMMAND = "SELECT request_hash, WRITETIME(request_hash) FROM {account_commands} WHERE user_id = ? AND event_id = ?"
_ENDED = "SELECT ended FROM {session_ends} WHERE user_id = ?"


@dataclass(frozen=True, slots=True)
class FolderRow:
    folder_id: str
    name: Content
    created_at_us: int


@dataclass(frozen=True, slots=True)
class SnippetRow:
    snippet_id: str
    name: Content
    text: Content
    created_at_us: int


def folder_of(values: Row) -> FolderRow | None:
    """The folder in a row of id, name, time and end; None for one that is deleted."""
    folder_id, name, created_at_us, deleted = values
    return None if deleted or created_at_us is None else FolderRow(folder_id, from_cell(name or ""), created_at_us)


def snippet_of(values: Row) -> SnippetRow | None:
    """The snippet in a row of id, name, text, time and end; None for one that is deleted."""
    snippet_id, name, text, created_at_us, deleted = values
    if deleted or created_at_us is None:
        return None
    return SnippetRow(snippet_id, from_cell(name or ""), from_cell(text or ""), created_at_us)


async def settings(tables: Tables, user_id: str) -> dict[str, Content]:
    """What the user has set, as JSON by name; what is at its default is left out."""
    rows = await tables.select(_NAME, _SETTINGS, (user_id,))
    return {name: value for name, cell in rows if (value := from_optional_cell(cell)) is not None}


async def folders(tables: Tables, user_id: str) -> list[FolderRow]:
    """The user's folders, oldest first."""
    rows = await tables.select(_NAME, _FOLDERS, (user_id,))
    found = [folder for values in rows if (folder := folder_of(values)) is not None]
    return sorted(found, key=lambda folder: (folder.created_at_us, folder.folder_id))


async def deleted_folders(tables: Tables, user_id: str) -> frozenset[str]:
    """The folders that the user has deleted."""
    rows = await tables.select(_NAME, _FOLDERS, (user_id,))
    return frozenset(folder_id for folder_id, _, _, deleted in rows if deleted)


async def snippets(tables: Tables, user_id: str) -> list[SnippetRow]:
    """The user's snippets, oldest first."""
    rows = await tables.select(_NAME, _SNIPPETS, (user_id,))
    found = [snippet for values in rows if (snippet := snippet_of(values)) is not None]
    return sorted(found, key=lambda snippet: (snippet.created_at_us, snippet.snippet_id))


async def account_command(tables: Tables, user_id: str, event_id: str) -> CommandRow | None:
    """The first command of the user's own with this event id that carried a key."""
    values = await tables.one(_NAME, _COMMAND, (user_id, event_id))
    if values is None or values[0] is None:
        return None
    return CommandRow(user_id, values[0], order_key=key_of(values[1]))


async def sessions_ended(tables: Tables, user_id: str) -> int | None:
    """The order key of the record that ended all of the user's sessions last; None: none ever did."""
    values = await tables.one(_NAME, _ENDED, (user_id,))
    return None if values is None else values[0]
