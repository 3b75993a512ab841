"""A conversation's turns in order, and the place of each message."""

from __future__ import annotations

from projections.rows import Table, without

MESSAGES = Table(
    # One row a turn: the prompt (or the wish for another answer) and the answer. `cause`: the command's order key, with
    # the choice above it where a command has several answers (projections/order.py). Messages that were appended have
    # one row a record. `kind`: prompt, regenerate, appended; stateless where a stateless answer was asked to be kept.
    name="messages",
    partition_key={"conversation_id": "text"},
    clustering={"cause": "bigint"},
    descending=frozenset({"cause"}),
    cells={
        # From conversation-events.
        "kind": "text",
        "message_id": "text",
        "generation_id": "text",
        "prompt_message_id": "text",
        "parent_message_id": "text",
        "content": "text",
        "attachments": "text",
        "model": "text",
        "asked_at_us": "bigint",
        # Only where there is more than plain text: projections/messages/told.py.
        "said": "text",
        "message_ids": "text",
        "command": "blob",
        # From generation-outcomes.
        "status": "text",
        "answer": "text",
        "parts": "text",
        "finish_reason": "text",
        "failure_code": "text",
        "failure_message": "text",
        "failure_retryable": "boolean",
        "prompt_tokens": "bigint",
        "completion_tokens": "bigint",
        "cached_tokens": "bigint",
        "reasoning_tokens": "bigint",
        "estimated": "boolean",
        "cost_micros": "bigint",
        "currency": "text",
        "ended_at_us": "bigint",
        "marks": "blob",
        "outcome": "blob",
    },
)

MESSAGES_2 = without(MESSAGES, "said", "message_ids", "command", "parts")
"""As definition 2 has it."""

MESSAGES_1 = without(MESSAGES_2, "reasoning_tokens", "estimated")
"""As definition 1 has it."""

MESSAGE_PLACES = Table(
    # Ids alone, and so not erased: a repeated command has a turn of its own, and this says which one counts.
    # What was deleted has a row under another key (projections/messages/hidden.py).
    name="message_places",
    partition_key={"conversation_id": "text"},
    clustering={"message_id": "text"},
    cells={
        # From conversation-events.
        "cause": "bigint",
        "role": "text",
        # From generation-outcomes.
        "ended": "boolean",
    },
)
