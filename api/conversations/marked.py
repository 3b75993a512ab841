"""A conversation with what its user has put to it."""

from __future__ import annotations

from api.consistency.freshness import Freshness
from api.conversations.ports import ConversationReads
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.conversations.queries import ConversationRow


async def marks_of(fresh: Freshness, reads: ConversationReads, row: ConversationRow) -> Marks:
    """The marks and the settings of the caller's conversation, with what the caller has changed."""
    await fresh.catch_up_marks(row.user_id)
    return (await reads.marks(row.user_id, [row.conversation_id])).get(row.conversation_id, UNMARKED)
