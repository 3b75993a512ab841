"""conversation-events and generation-outcomes -> messages, message_places. Pure.

Both topics write the same rows, never the same cells.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from projections.content import to_cell, to_optional_cell
from projections.messages.hidden import hiding
from projections.messages.marks import marks_to_cell
from projections.messages.table import MESSAGE_PLACES, MESSAGES
from projections.messages.told import appended_to_cell, command_to_cell, ids_to_cell, messages_to_cell, parts_to_cell
from projections.order import ERASED, first_wins, last_wins, order_key, turn_key
from projections.rows import Erase, Put, RowChange, Unprojectable
from schemas.codec import encode_whole
from schemas.conversation import (
    Attachment,
    ConversationDeleted,
    ConversationEvent,
    GenerationDeleted,
    MessageDeleted,
    MessagesAppended,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.envelope import Content, Position
from schemas.generation import Failure
from schemas.messages import prompt_content
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.parts import visible_text
from schemas.turns import kind_of

_NO_FAILURE = Failure("", "", False)
MAX_ATTACHMENTS_BYTES = 1024 * 1024
"""As JSON, in which a character may take twelve bytes: the one cell that can be larger than its record."""
STATUS = {
    GenerationCompleted: "completed",
    GenerationFailed: "failed",
    GenerationCancelled: "cancelled",
    GenerationRefused: "refused",
}


def fold(record: ConversationEvent | Outcome, position: Position) -> tuple[RowChange, ...]:
    """What a record changes."""
    match record:
        case PromptSubmitted(kind="stateless"):
            return _kept(record, position)
        case PromptSubmitted(kind="compaction"):
            return (_unlisted(record, position),)
        case PromptSubmitted():
            return _prompt(record, position)
        case GenerationCompleted() | GenerationFailed() | GenerationCancelled() | GenerationRefused():
            return _outcome(record, position)
        case RegenerateRequested():
            return _regeneration(record, position)
        case MessagesAppended():
            return _appended(record, position)
        case GenerationDeleted() | MessageDeleted():
            return (hiding(record, position),)
        case TitleRequested():
            return (_unlisted(record, position),)
        case ConversationDeleted(conversation_id=conversation_id):
            return (Erase(MESSAGES, (conversation_id,), ERASED),)
        case _:
            return ()


def _prompt(prompt: PromptSubmitted, position: Position) -> tuple[RowChange, ...]:
    conversation, cause = prompt.conversation_id, order_key(position)
    first = first_wins(position)
    cells: dict[str, Any] = {
        "kind": "prompt",
        "message_id": prompt.message_id,
        "generation_id": prompt.generation_id,
        "prompt_message_id": prompt.message_id,
        "parent_message_id": prompt.parent_message_id or "",
        "content": to_optional_cell(prompt_content(prompt)),
        "attachments": _attachments(prompt.attachments),
        "model": prompt.model,
        "asked_at_us": prompt.envelope.occurred_at_us,
    }
    if prompt.content is None and prompt.messages:
        cells["said"] = messages_to_cell(prompt.messages)
    if (command := command_to_cell(prompt)) is not None:
        cells["command"] = command
    return (
        Put(MESSAGES, (conversation, cause), cells, last_wins(position)),
        Put(MESSAGE_PLACES, (conversation, prompt.message_id), {"cause": cause, "role": "user"}, first),
        Put(MESSAGE_PLACES, (conversation, prompt.generation_id), {"cause": cause, "role": "assistant"}, first),
    )


def _kept(prompt: PromptSubmitted, position: Position) -> tuple[RowChange, ...]:
    """The row of a stateless prompt whose answer was asked to be kept; it is in no list of messages."""
    command = None if prompt.request is None or not prompt.request.store else command_to_cell(prompt)
    if command is None:
        return ()
    cells = {
        "kind": "stateless",
        "message_id": prompt.message_id,
        "generation_id": prompt.generation_id,
        "model": prompt.model,
        "asked_at_us": prompt.envelope.occurred_at_us,
        "said": messages_to_cell(prompt.messages),
        "command": command,
    }
    return (Put(MESSAGES, (prompt.conversation_id, order_key(position)), cells, last_wins(position)),)


def _appended(record: MessagesAppended, position: Position) -> tuple[RowChange, ...]:
    if not record.messages:
        return ()
    conversation, cause, first = record.conversation_id, order_key(position), first_wins(position)
    ids = [appended.message_id for appended in record.messages]
    cells = {
        "kind": "appended",
        "message_id": ids[0],
        "parent_message_id": record.parent_message_id or "",
        "said": appended_to_cell(record.messages),
        "message_ids": ids_to_cell(ids),
        "asked_at_us": record.envelope.occurred_at_us,
    }
    return (
        Put(MESSAGES, (conversation, cause), cells, last_wins(position)),
        *(
            Put(MESSAGE_PLACES, (conversation, message_id), {"cause": cause, "role": "appended"}, first)
            for message_id in ids
        ),
    )


def _regeneration(wish: RegenerateRequested, position: Position) -> tuple[RowChange, ...]:
    conversation, cause = wish.conversation_id, order_key(position)
    cells: dict[str, Any] = {
        "kind": "regenerate",
        "message_id": wish.message_id,
        "generation_id": wish.generation_id,
        "prompt_message_id": wish.prompt_message_id,
        "model": wish.model,
        "asked_at_us": wish.envelope.occurred_at_us,
    }
    if (command := command_to_cell(wish)) is not None:
        cells["command"] = command
    placed = {"cause": cause, "role": "assistant"}
    return (
        Put(MESSAGES, (conversation, cause), cells, last_wins(position)),
        Put(MESSAGE_PLACES, (conversation, wish.generation_id), placed, first_wins(position)),
    )


def _unlisted(wish: TitleRequested | PromptSubmitted, position: Position) -> RowChange:
    """No message: what is running in a conversation is known by its places."""
    placed = {"cause": order_key(position), "role": kind_of(wish)}
    return Put(MESSAGE_PLACES, (wish.conversation_id, wish.generation_id), placed, first_wins(position))


def _outcome(outcome: Outcome, position: Position) -> tuple[RowChange, ...]:
    turn, first = outcome.turn, first_wins(position)
    ended = Put(MESSAGE_PLACES, (turn.conversation_id, turn.generation_id), {"ended": True}, first)
    if turn.kind == "title":
        return (ended,)
    failure = outcome.failure if isinstance(outcome, GenerationFailed | GenerationRefused) else _NO_FAILURE
    # Text and marks stand beside the record: readers of messages want only the one, and the other is many. An answer of
    # several parts keeps its raw text in the record: readers of messages want what is shown of it.
    rest = replace(outcome, text=outcome.text if outcome.parts else "", chunks=())
    cells: dict[str, Any] = {
        "status": STATUS[type(outcome)],
        "answer": to_cell(_shown(outcome)),
        "finish_reason": outcome.finish_reason if isinstance(outcome, GenerationCompleted) else "",
        "failure_code": failure.code,
        "failure_message": failure.message,
        "failure_retryable": failure.retryable,
        "prompt_tokens": outcome.usage.prompt_tokens,
        "completion_tokens": outcome.usage.completion_tokens,
        "cached_tokens": outcome.usage.cached_tokens,
        "reasoning_tokens": outcome.usage.reasoning_tokens,
        "estimated": outcome.usage.estimated,
        "cost_micros": outcome.cost_micros,
        "currency": turn.price.currency,
        "ended_at_us": outcome.ended_at_us,
        "marks": marks_to_cell(outcome.chunks),
        "outcome": encode_whole(rest),
    }
    if parts := parts_to_cell(outcome):
        cells["parts"] = parts
    row = Put(MESSAGES, (turn.conversation_id, turn_key(turn.cause, turn.choice)), cells, first)
    if turn.kind == "stateless":
        return (row,)
    return row, ended


def _shown(outcome: Outcome) -> Content:
    text = outcome.text
    return visible_text(text, outcome.parts) if isinstance(text, str) else text


def _attachments(attachments: tuple[Attachment, ...]) -> str:
    if not attachments:
        return ""
    cell = json.dumps([[a.file_id, a.name, a.media_type, a.size_bytes, a.sha256] for a in attachments])
    if len(cell) > MAX_ATTACHMENTS_BYTES:
        raise Unprojectable(f"its attachments take {len(cell)} bytes")
    return cell
