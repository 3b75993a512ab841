"""The rows of a conversation's turns. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from projections.content import from_cell, from_optional_cell
from projections.messages.marks import marks_from_cell
from schemas.conversation import Attachment
from schemas.envelope import Content
from schemas.generation import Failure
from schemas.outcome import Outcome
from schemas.price import Usage
from topics.catalogue import GENERATION_OUTCOMES

TURN_COLUMNS = (
    "cause, kind, message_id, generation_id, prompt_message_id, parent_message_id, content, attachments, model,"
    " asked_at_us, status, answer, finish_reason, failure_code, failure_message, failure_retryable, prompt_tokens,"
    " completion_tokens, cached_tokens, cost_micros, currency, ended_at_us"
)
NEW_TURN_COLUMNS = ("reasoning_tokens", "estimated")
"""What definition 1 has not."""
TURN_SELECTION = TURN_COLUMNS + "".join(f"{{+{name}}}" for name in NEW_TURN_COLUMNS)
"""The columns as queries name them (projections/reading.py): those that the version has."""

TURN_NAMES = (*TURN_COLUMNS.split(", "), *NEW_TURN_COLUMNS)

Status = Literal["running", "completed", "failed", "cancelled", "refused"]


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it stands. An answer's id is its generation's; while it is running it has no content.

    `order`: grows along the conversation; a prompt and its answer share it, the prompt comes first.
    From `usage` on, all is of answers that have ended: `finish_reason` of completed ones, `failure` of failed and
    refused ones.
    """

    message_id: str
    conversation_id: str
    role: Literal["user", "assistant"]
    order: int
    parent_message_id: str | None
    content: Content
    attachments: tuple[Attachment, ...]
    model: str
    created_at_us: int
    status: Status
    usage: Usage | None = None
    cost_micros: int | None = None
    currency: str | None = None
    finish_reason: str | None = None
    failure: Failure | None = None
    ended_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One command of a conversation: the prompt (None: another answer to an earlier one) and the answer."""

    cause: int
    generation_id: str
    prompt: MessageRow | None
    reply: MessageRow


def turn_row(conversation_id: str, values: tuple[Any, ...]) -> TurnRow | None:
    """The turn in a row of TURN_COLUMNS and as many of NEW_TURN_COLUMNS as there are; None for a row whose command is
    not there (only its outcome is)."""
    row = dict(zip(TURN_NAMES, values, strict=False))
    if row["kind"] is None:
        return None
    cause, asked_at_us = row["cause"], row["asked_at_us"]
    prompt = None
    if row["kind"] == "prompt":
        listed = row["attachments"]
        prompt = MessageRow(
            message_id=row["message_id"],
            conversation_id=conversation_id,
            role="user",
            order=cause,
            parent_message_id=row["parent_message_id"] or None,
            content=from_optional_cell(row["content"]) or "",
            attachments=tuple(Attachment(*fields) for fields in json.loads(listed)) if listed else (),
            model=row["model"],
            created_at_us=asked_at_us,
            status="completed",
        )
    reply = MessageRow(
        message_id=row["generation_id"],
        conversation_id=conversation_id,
        role="assistant",
        order=cause,
        parent_message_id=row["prompt_message_id"],
        content="",
        attachments=(),
        model=row["model"],
        created_at_us=asked_at_us,
        status="running",
    )
    return TurnRow(cause, row["generation_id"], prompt, reply if row["status"] is None else _ended(reply, row))


def _ended(reply: MessageRow, row: Mapping[str, Any]) -> MessageRow:
    failed = row["status"] in ("failed", "refused")
    return replace(
        reply,
        status=row["status"],
        content=from_cell(row["answer"] or ""),
        usage=Usage(
            row["prompt_tokens"],
            row["completion_tokens"],
            row["cached_tokens"],
            row.get("reasoning_tokens") or 0,
            bool(row.get("estimated")),
        ),
        cost_micros=row["cost_micros"],
        currency=row["currency"],
        finish_reason=row["finish_reason"] or None,
        failure=Failure(row["failure_code"], row["failure_message"], row["failure_retryable"]) if failed else None,
        ended_at_us=row["ended_at_us"],
    )


def outcome_from_cells(answer: str, marks: bytes, outcome: bytes) -> Outcome:
    """The record that a row's outcome cells were made of."""
    found: Outcome = GENERATION_OUTCOMES.decode(outcome)
    text = found.text if found.parts else from_cell(answer)
    return replace(found, text=text, chunks=marks_from_cell(marks))


def counting(turns: Iterable[TurnRow], places: Mapping[str, int]) -> list[TurnRow]:
    """Those turns whose command was the first of its generation: a repeated one has a turn that counts nothing.

    `places`: by generation, the order key of its first command.
    """
    return [turn for turn in turns if places.get(turn.generation_id, turn.cause) == turn.cause]


def messages_of(turns: Iterable[TurnRow]) -> list[MessageRow]:
    """The turns' messages, in the turns' order, each prompt before its answer."""
    return [message for turn in turns for message in (turn.prompt, turn.reply) if message is not None]
