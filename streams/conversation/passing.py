"""When a temporary conversation is over, and how it is ended. Pure."""

from __future__ import annotations

from schemas import ids
from schemas.conversation import ConversationDeleted
from schemas.envelope import Envelope
from streams.conversation.ports import Temporary

UNUSED_S = 3600
"""So long after its last turn it is deleted, if its user has not left it before."""
DAY_US = 86_400_000_000
PASSING = "system:temporaries"


def is_over(conversation: Temporary, now_us: int) -> bool:
    """Whether nobody has used it for so long."""
    return now_us - conversation.used_at_us >= UNUSED_S * 1_000_000


def end_of(conversation: Temporary) -> ConversationDeleted:
    """Its end: the same event that its user's leaving writes, whoever is first and however often."""
    conversation_id = conversation.conversation_id
    envelope = Envelope(
        event_id=ids.event_id(conversation_id, "ConversationDeleted"),
        occurred_at_us=conversation.used_at_us + UNUSED_S * 1_000_000,
        causation_id=None,
        correlation_id=conversation_id,
        actor=PASSING,
    )
    return ConversationDeleted(envelope, conversation_id, conversation.user_id)
