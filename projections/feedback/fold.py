"""conversation-events -> feedback. Pure."""

from __future__ import annotations

from projections.content import to_optional_cell
from projections.feedback.table import FEEDBACK
from projections.order import ERASED, last_wins
from projections.rows import Erase, Put, RowChange
from schemas.conversation import ConversationDeleted, ConversationEvent, FeedbackGiven
from schemas.envelope import Position


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes."""
    match record:
        case FeedbackGiven():
            cells = {
                "rating": record.rating,
                "comment": to_optional_cell(record.comment),
                "user_id": record.user_id,
                "at_us": record.envelope.occurred_at_us,
            }
            return (Put(FEEDBACK, (record.conversation_id, record.message_id), cells, last_wins(position)),)
        case ConversationDeleted(conversation_id=conversation_id):
            return (Erase(FEEDBACK, (conversation_id,), ERASED),)
        case _:
            return ()
