"""The ratings of a conversation's answers."""

from __future__ import annotations

from projections.rows import Table

FEEDBACK = Table(
    name="feedback",
    partition_key={"conversation_id": "text"},
    clustering={"message_id": "text"},
    # The last one counts; "none" takes a rating back.
    cells={"rating": "text", "comment": "text", "user_id": "text", "at_us": "bigint"},
)
