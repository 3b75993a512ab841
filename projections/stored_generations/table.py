"""Answers that were asked to be kept, by user and time; and the notes that users put to answers."""

from __future__ import annotations

from projections.rows import Table

STORED_BY_USER = Table(
    # No content. `surface`: the API that the answer was asked for by.
    name="stored_by_user",
    partition_key={"user_id": "text", "surface": "text"},
    clustering={"at_us": "bigint", "generation_id": "text"},
    cells={"conversation_id": "text", "model": "text"},
)

GENERATION_NOTES = Table(
    # The metadata as it was changed last; what the command said stands in its own row. Erased with the conversation.
    name="generation_notes",
    partition_key={"conversation_id": "text"},
    clustering={"generation_id": "text"},
    cells={"metadata": "text"},
)
