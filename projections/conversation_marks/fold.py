"""account-events, conversation-events -> conversation_marks, marked_by_user. Pure."""

from __future__ import annotations

from typing import Any

from projections.content import to_cell
from projections.conversation_marks.table import CONVERSATION_MARKS, MARKED_BY_USER
from projections.order import ERASED, last_wins
from projections.rows import Erase, Put, RowChange
from schemas.account import AccountEvent, ConversationSettingsChanged, ConversationsMarked
from schemas.conversation import ConversationDeleted, ConversationEvent
from schemas.envelope import Position

PINNED, ARCHIVED = "pinned", "archived"


def folder_mark(folder_id: str) -> str:
    """How the conversations of a folder are listed."""
    return f"folder:{folder_id}"


def fold(record: AccountEvent | ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes."""
    match record:
        case ConversationsMarked():
            return tuple(_marked(record, last_wins(position)))
        case ConversationSettingsChanged(user_id=user_id, conversation_id=conversation_id, settings=settings):
            key = (user_id, conversation_id)
            return (Put(CONVERSATION_MARKS, key, {"settings": to_cell(settings)}, last_wins(position)),)
        case ConversationDeleted(user_id=user_id, conversation_id=conversation_id):
            return (Erase(CONVERSATION_MARKS, (user_id, conversation_id), ERASED),)
        case _:
            return ()


def _marked(record: ConversationsMarked, last: int) -> list[RowChange]:
    said = {"pinned": record.pinned, "archived": record.archived, "folder_id": record.folder_id}
    cells: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    listed = {
        name: value for name, value in ((PINNED, record.pinned), (ARCHIVED, record.archived)) if value is not None
    }
    if record.folder_id:
        listed[folder_mark(record.folder_id)] = True
    changes: list[RowChange] = []
    for conversation_id in dict.fromkeys(record.conversation_ids) if cells else ():
        changes.append(Put(CONVERSATION_MARKS, (record.user_id, conversation_id), cells, last))
        changes += [
            Put(MARKED_BY_USER, (record.user_id, mark, conversation_id), {"is_set": is_set}, last)
            for mark, is_set in listed.items()
        ]
    return changes
