"""account-events -> settings, folders, snippets, account_commands, session_ends. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from projections.content import to_cell, to_optional_cell
from projections.order import AFTER_ERASURE, first_wins, last_wins, order_key
from projections.preferences.table import ACCOUNT_COMMANDS, FOLDERS, SESSION_ENDS, SETTINGS, SNIPPETS
from projections.rows import Put, RowChange, Table
from schemas.account import (
    AccountEvent,
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingsChanged,
    SnippetChanged,
)
from schemas.envelope import Position

Keyed = (
    SettingsChanged | ConversationsMarked | ConversationSettingsChanged | FolderChanged | SnippetChanged | SessionsEnded
)
"""Commands that may carry an idempotency key."""


def fold(record: AccountEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. A deletion is final, whatever comes after it, and in whichever order it is seen."""
    if not isinstance(record, Keyed):
        return ()
    changes = [*_said(record, position)]
    if record.request_hash:
        key = (record.user_id, record.envelope.event_id)
        changes.append(Put(ACCOUNT_COMMANDS, key, {"request_hash": record.request_hash}, first_wins(position)))
    return tuple(changes)


def _said(record: Keyed, position: Position) -> Iterator[RowChange]:
    first, last, at_us = first_wins(position), last_wins(position), record.envelope.occurred_at_us
    match record:
        case SettingsChanged(user_id=user_id, changes=changes):
            for name, value in {change.name: change.value for change in changes}.items():
                yield Put(SETTINGS, (user_id, name), {"value": to_optional_cell(value)}, last)
        case FolderChanged(user_id=user_id, folder_id=folder_id, name=None):
            yield _deleted(FOLDERS, (user_id, folder_id), "name")
        case FolderChanged(user_id=user_id, folder_id=folder_id, name=folder_name) if folder_name is not None:
            yield Put(FOLDERS, (user_id, folder_id), {"created_at_us": at_us}, first)
            yield Put(FOLDERS, (user_id, folder_id), {"name": to_cell(folder_name)}, last)
        case SnippetChanged(user_id=user_id, snippet_id=snippet_id, text=None):
            yield _deleted(SNIPPETS, (user_id, snippet_id), "name", "body")
        case SnippetChanged(user_id=user_id, snippet_id=snippet_id, text=text) if text is not None:
            yield Put(SNIPPETS, (user_id, snippet_id), {"created_at_us": at_us}, first)
            cells = {"name": to_optional_cell(record.name), "body": to_cell(text)}
            yield Put(SNIPPETS, (user_id, snippet_id), cells, last)
        case SessionsEnded(user_id=user_id):
            yield Put(SESSION_ENDS, (user_id,), {"ended": order_key(position)}, last)


def _deleted(table: Table, key: tuple[str, str], *contents: str) -> Put:
    """Nothing of what it said stays."""
    return Put(table, key, {**dict.fromkeys(contents, ""), "deleted": True}, AFTER_ERASURE)
