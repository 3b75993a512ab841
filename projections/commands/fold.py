"""conversation-events -> commands. Pure."""

from __future__ import annotations

from projections.commands.table import COMMANDS
from projections.content import to_cell, to_optional_cell
from projections.order import AFTER_ERASURE, ERASED, first_wins
from projections.rows import Erase, Put, RowChange
from schemas.conversation import (
    ConversationDeleted,
    ConversationEvent,
    ConversationMetadataChanged,
    ConversationRenamed,
    ConversationStarted,
    FeedbackGiven,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
)
from schemas.envelope import Position

Plain = ConversationStarted | MessagesAppended | GenerationDeleted | MessageDeleted
Noted = ConversationMetadataChanged | GenerationMetadataChanged
Keyed = ConversationDeleted | ConversationRenamed | FeedbackGiven | Noted | Plain
"""Commands that may carry an idempotency key and have no row of their own elsewhere."""


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes: a command without a request hash had no key, and has no row."""
    match record:
        case ConversationDeleted():
            erased = Erase(COMMANDS, (record.conversation_id,), ERASED)
            # The row of the deletion itself stays, so that its repeat is known.
            return (erased, _put(record, AFTER_ERASURE)) if record.request_hash else (erased,)
        case ConversationRenamed(request_hash=asked, title=title) if asked:
            return (_put(record, first_wins(position), title=to_cell(title)),)
        case FeedbackGiven(request_hash=asked, rating=rating, comment=comment) if asked:
            return (_put(record, first_wins(position), rating=rating, comment=to_optional_cell(comment)),)
        case _ if isinstance(record, Noted) and record.request_hash:
            return (_put(record, first_wins(position), comment=to_cell(record.metadata)),)
        case _ if isinstance(record, Plain) and record.request_hash:
            return (_put(record, first_wins(position)),)
        case _:
            return ()


def _put(record: Keyed, timestamp: int, **cells: str) -> Put:
    key = (record.conversation_id, record.envelope.event_id)
    return Put(COMMANDS, key, {"user_id": record.user_id, "request_hash": record.request_hash, **cells}, timestamp)
