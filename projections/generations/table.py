"""One row per generation: its owner, its conversation and the places of its records. No content."""

from __future__ import annotations

from projections.rows import Table, without

GENERATIONS = Table(
    name="generations",
    partition_key={"generation_id": "text"},
    cells={
        "user_id": "text",
        "conversation_id": "text",
        "message_id": "text",
        "prompt_message_id": "text",
        "kind": "text",
        "model": "text",
        "request_hash": "text",
        "asked_at_us": "bigint",
        "deadline_at_us": "bigint",
        "cause_epoch": "bigint",
        "cause_partition": "bigint",
        "cause_offset": "bigint",
        "tail_epoch": "bigint",
        "tail_partition": "bigint",
        "tail_offset": "bigint",
        "price": "text",
        "asked": "text",
        "attribution": "text",
    },
)

GENERATIONS_3 = without(GENERATIONS, "attribution")
"""As definition 3 has it."""

GENERATIONS_2 = without(GENERATIONS_3, "asked")
"""As definition 2 has it."""

GENERATIONS_1 = without(GENERATIONS_2, "price")
"""As definition 1 has it."""
