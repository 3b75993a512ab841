"""The temporary conversations by the day on which they began, to find those that are to be ended."""

from __future__ import annotations

from projections.rows import Table

TEMPORARIES = Table(
    name="temporaries",
    partition_key={"day": "int"},
    clustering={"conversation_id": "text"},
    # Ids alone: what was said stands with the conversation, and goes with it.
    cells={"user_id": "text"},
)
