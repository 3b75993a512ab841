"""A user's conversations by the days of their prompts: append-only, no content."""

from __future__ import annotations

from projections.rows import Table

CONVERSATIONS_BY_USER = Table(
    name="conversations_by_user",
    partition_key={"user_id": "text"},
    clustering={"day": "int", "conversation_id": "text"},
    descending=frozenset({"day"}),
    cells={"at_us": "bigint"},
)
