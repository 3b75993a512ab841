"""One row per conversation."""

from __future__ import annotations

from projections.rows import Table, without

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
        "first_metadata": "text",
        "temporary": "boolean",
        # The last record wins.
        "title": "text",
        "made_title": "text",
        "model": "text",
        "preview": "text",
        "metadata": "text",
        "last_at_us": "bigint",
        "changed": "bigint",
        # Final.
        "deleted": "boolean",
    },
)

CONVERSATIONS_2 = without(CONVERSATIONS, "temporary")
"""As definition 2 has it."""

CONVERSATIONS_1 = without(CONVERSATIONS_2, "made_title", "first_metadata", "metadata")
"""As definition 1 has it: it knows no titles but those that users give, and no metadata."""
