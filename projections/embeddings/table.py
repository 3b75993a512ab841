"""Requests for embeddings by id: what the first record of each said. Neither texts nor vectors."""

from __future__ import annotations

from projections.rows import Table

EMBEDDINGS = Table(
    name="embeddings",
    partition_key={"embedding_id": "text"},
    # The first record wins: a later one with the same id is a repeat, or another request under the same key.
    cells={
        "user_id": "text",
        "request_hash": "text",
        "at_us": "bigint",
        "model": "text",
        "prompt_tokens": "bigint",
        "estimated": "boolean",
    },
)
