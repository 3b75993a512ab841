"""conversation-events -> stored_by_user, generation_notes. Pure."""

from __future__ import annotations

from projections.content import to_cell
from projections.order import ERASED, first_wins, last_wins
from projections.rows import Erase, Put, RowChange
from projections.stored_generations.table import GENERATION_NOTES, STORED_BY_USER
from schemas.conversation import ConversationDeleted, ConversationEvent, GenerationMetadataChanged
from schemas.envelope import Position
from schemas.turns import UserCommand

NO_SURFACE = "api"
"""How a command of our own API is listed, whose surface is empty."""


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. Several answers to one command are one row: that of the first."""
    if isinstance(record, UserCommand):
        if record.request is None or not record.request.store:
            return ()
        at_us = record.envelope.occurred_at_us
        key = (record.user_id, record.request.surface or NO_SURFACE, at_us, record.generation_id)
        cells = {"conversation_id": record.conversation_id, "model": record.model}
        return (Put(STORED_BY_USER, key, cells, first_wins(position)),)
    if isinstance(record, GenerationMetadataChanged):
        key_of_notes = (record.conversation_id, record.generation_id)
        return (Put(GENERATION_NOTES, key_of_notes, {"metadata": to_cell(record.metadata)}, last_wins(position)),)
    if isinstance(record, ConversationDeleted):
        return (Erase(GENERATION_NOTES, (record.conversation_id,), ERASED),)
    return ()
