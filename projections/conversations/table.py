"""One row per conversation."""

from __future__ import annotations

from projections.rows import Table

CONVERSATIONS = Table(
    name="conversations",
    partition_key={"conversation_id": "text"},
    cells={
        # The first record wins.
        "user_id": "text",
        "created_at_us": "bigint",
        "first_title": "text",
        "system_prompt": "text",
        "first_excerpt": "text",
        # The last record wins.
        "title": "text",
        "model": "text",
        "preview": "text",
        "last_at_us": "bigint",
        "changed": "bigint",
        # Final.
        "deleted": "boolean",
    },
)
