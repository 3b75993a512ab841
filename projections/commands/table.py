"""Commands with an idempotency key: one row per key and kind of command."""

from __future__ import annotations

from projections.rows import Table

COMMANDS = Table(
    name="commands",
    partition_key={"conversation_id": "text"},
    clustering={"event_id": "text"},
    # The first record wins: a later one with the same event id is a repeat, or another request under the same key.
    cells={"user_id": "text", "request_hash": "text", "title": "text", "rating": "text", "comment": "text"},
)
