"""The rows of a conversation's turns. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from projections.content import from_cell, from_optional_cell
from projections.messages.hidden import NOTHING, Hidden
from projections.messages.marks import marks_from_cell
from projections.messages.told import appended_from_cell, messages_from_cell, parts_from_cell
from schemas.conversation import AppendedMessage, Attachment, ChatMessage
from schemas.envelope import Content
from schemas.generation import Failure
from schemas.messages import shown_content
from schemas.outcome import Outcome
from schemas.parts import PartText
from schemas.price import Usage
from topics.catalogue import GENERATION_OUTCOMES

TURN_COLUMNS = (
    "cause, kind, message_id, generation_id, prompt_message_id, parent_message_id, content, attachments, model,"
    " asked_at_us, status, answer, finish_reason, failure_code, failure_message, failure_retryable, prompt_tokens,"
    " completion_tokens, cached_tokens, cost_micros, currency, ended_at_us"
)
NEW_TURN_COLUMNS = ("reasoning_tokens", "estimated", "said", "parts")
"""What older definitions have not, in the order in which they came."""
TURN_SELECTION = TURN_COLUMNS + "".join(f"{{+{name}}}" for name in NEW_TURN_COLUMNS)
"""The columns as queries name them (projections/reading.py): those that the version has."""

TURN_NAMES = (*TURN_COLUMNS.split(", "), *NEW_TURN_COLUMNS)

Status = Literal["running", "completed", "failed", "cancelled", "refused"]


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it stands. An answer's id is its generation's; while it is running it has no content.

    `role`: user and assistant in turns, any of schemas.conversation.Role of an appended message.
    `content` is what is shown of it. `messages`: what a prompt of several messages or of parts consists of, and an
    appended message of parts; empty for one text. `parts`: of an answer that is not text alone.
    `order`: grows along the conversation; a prompt and its answer share it, the prompt comes first; so do messages that
    were appended together, in their order.
    From `usage` on, all is of answers that have ended: `finish_reason` of completed ones, `failure` of failed and
    refused ones.
    """

    message_id: str
    conversation_id: str
    role: str
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
    messages: tuple[ChatMessage, ...] = ()
    parts: tuple[PartText, ...] = ()
    appended: bool = False


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One command of a conversation: the prompt (None: another answer to an earlier one) and the answer."""

    cause: int
    generation_id: str
    prompt: MessageRow | None
    reply: MessageRow

    @property
    def messages(self) -> tuple[MessageRow, ...]:
        """The prompt before its answer."""
        return (self.reply,) if self.prompt is None else (self.prompt, self.reply)

    @property
    def first_id(self) -> str:
        """The id by which a repeated command is known: its generation's."""
        return self.generation_id


@dataclass(frozen=True, slots=True)
class AppendedRow:
    """Messages that were put into a conversation together, each following the one before. There is one at least."""

    cause: int
    messages: tuple[MessageRow, ...]

    @property
    def first_id(self) -> str:
        """The id by which a repeated command is known: its first message's."""
        return self.messages[0].message_id


SaidRow = TurnRow | AppendedRow
"""One row of a conversation: what one command brought into it."""


def said_row(conversation_id: str, values: tuple[Any, ...]) -> SaidRow | None:
    """What is in a row of TURN_COLUMNS and as many of NEW_TURN_COLUMNS as there are; None for a row that lists nothing:
    its command is not there (only its outcome is), or is a stateless one."""
    row = dict(zip(TURN_NAMES, values, strict=False))
    if row["kind"] == "appended":
        return _appended(conversation_id, row)
    return _turn(conversation_id, row) if row["kind"] in ("prompt", "regenerate") else None


def _appended(conversation_id: str, row: Mapping[str, Any]) -> AppendedRow | None:
    parent = row["parent_message_id"] or None
    found: list[MessageRow] = []
    for appended in appended_from_cell(row.get("said")):
        found.append(_appended_message(conversation_id, row["cause"], parent, appended))
        parent = appended.message_id
    return AppendedRow(row["cause"], tuple(found)) if found else None


def _appended_message(conversation_id: str, cause: int, parent: str | None, appended: AppendedMessage) -> MessageRow:
    message = appended.message
    return MessageRow(
        message_id=appended.message_id,
        conversation_id=conversation_id,
        role=message.role,
        order=cause,
        parent_message_id=parent,
        content=shown_content((message,)),
        attachments=(),
        model=appended.model,
        created_at_us=appended.at_us,
        status="completed",
        messages=(message,) if message.parts or message.name else (),
        appended=True,
    )


def _turn(conversation_id: str, row: Mapping[str, Any]) -> TurnRow:
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
            messages=messages_from_cell(row.get("said")),
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
        parts=parts_from_cell(row.get("parts")),
    )


def outcome_from_cells(answer: str, marks: bytes, outcome: bytes) -> Outcome:
    """The record that a row's outcome cells were made of."""
    found: Outcome = GENERATION_OUTCOMES.decode(outcome)
    text = found.text if found.parts else from_cell(answer)
    return replace(found, text=text, chunks=marks_from_cell(marks))


def counting(rows: Iterable[SaidRow], places: Mapping[str, int]) -> list[SaidRow]:
    """Those rows whose command was the first to bring what they hold: a repeated one has a row that counts nothing.

    `places`: by `first_id`, the order key of the first command.
    """
    return [row for row in rows if places.get(row.first_id, row.cause) == row.cause]


def messages_of(rows: Iterable[SaidRow], hidden: Hidden = NOTHING) -> list[MessageRow]:
    """The rows' messages that are shown, in the rows' order, each prompt before its answer."""
    return [message for row in rows for message in row.messages if message.message_id not in hidden.shown]
