"""conversation-events -> temporaries. Pure."""

from __future__ import annotations

from projections.order import first_wins
from projections.rows import Put, RowChange
from projections.temporaries.table import TEMPORARIES
from schemas.conversation import ConversationEvent, ConversationStarted
from schemas.envelope import Position

DAY_US = 86_400_000_000


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes."""
    match record:
        case ConversationStarted(temporary=True, conversation_id=conversation_id, user_id=user_id):
            key = (record.envelope.occurred_at_us // DAY_US, conversation_id)
            return (Put(TEMPORARIES, key, {"user_id": user_id}, first_wins(position)),)
        case _:
            return ()
