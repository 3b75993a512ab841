"""The ledger by user and month: one row per generation, and per record of a request for embeddings. No content;
deleting a conversation does not change it.

Of a request for embeddings that was recorded twice, at two times, the row counts whose time the projection
`embeddings` has; its `generation_id` is the request's id, and its `conversation_id` is empty.

A re-rated cost stands beside the recorded one, which nothing changes.
"""

from __future__ import annotations

from projections.rows import Table, without

USAGE = Table(
    name="usage",
    partition_key={"user_id": "text", "month": "int"},
    clustering={"at_us": "bigint", "generation_id": "text"},
    descending=frozenset({"at_us"}),
    cells={
        "conversation_id": "text",
        "model": "text",
        "outcome_type": "text",
        "prompt_tokens": "bigint",
        "completion_tokens": "bigint",
        "cached_tokens": "bigint",
        "reasoning_tokens": "bigint",
        # Whether a count is our own estimate.
        "estimated": "boolean",
        "price_version": "text",
        "currency": "text",
        "cost_micros": "bigint",
        "rerated_price_version": "text",
        "rerated_cost_micros": "bigint",
        "rerated_by": "text",
    },
)

USAGE_1 = without(USAGE, "reasoning_tokens", "estimated")
"""As definition 1 has it."""
