"""The whole command of a turn, put together again from its row."""

from __future__ import annotations

import json
from dataclasses import replace

from projections.content import from_optional_cell
from projections.generations.queries import GenerationRow
from projections.messages.told import command_from_cell, messages_from_cell
from projections.order import order_key
from projections.reading import Tables
from schemas.conversation import Attachment, PromptSubmitted, RegenerateRequested, Sampling
from schemas.envelope import Envelope
from schemas.turns import UserCommand

_NAME = "messages"
_COLUMNS = ("kind", "parent_message_id", "content", "attachments")
_NEW_COLUMNS = ("said", "command")
_ROW = (
    f"SELECT {', '.join(_COLUMNS)}{''.join(f'{{+{name}}}' for name in _NEW_COLUMNS)}"  # noqa: S608 - our own columns
    " FROM {{messages}} WHERE conversation_id = ? AND cause = ?"
).replace("{{messages}}", "{messages}")


async def command_of(tables: Tables, generation: GenerationRow) -> UserCommand | None:
    """The command that asked for a generation; None: it is erased, not there yet, or a stateless one that was not to
    be kept.

    Of a command without a `request` the row keeps no more than what is listed: sampling and service class of those are
    the defaults here.
    """
    values = await tables.one(_NAME, _ROW, (generation.conversation_id, order_key(generation.cause)))
    row = {} if values is None else dict(zip((*_COLUMNS, *_NEW_COLUMNS), values, strict=False))
    if row.get("kind") not in ("prompt", "regenerate", "stateless"):
        return None
    whole = None if row.get("command") is None else command_from_cell(row["command"])
    if row["kind"] == "regenerate":
        return whole if whole is not None else _plain_regeneration(generation)
    prompt = whole if isinstance(whole, PromptSubmitted) else _plain_prompt(generation, row["parent_message_id"])
    listed = row["attachments"]
    messages = messages_from_cell(row.get("said"))
    return replace(
        prompt,
        content=None if messages else from_optional_cell(row["content"]) or "",
        messages=messages,
        attachments=tuple(Attachment(*fields) for fields in json.loads(listed)) if listed else (),
    )


def _plain_prompt(row: GenerationRow, parent_message_id: str | None) -> PromptSubmitted:
    return PromptSubmitted(
        envelope=_envelope(row),
        conversation_id=row.conversation_id,
        user_id=row.user_id,
        message_id=row.message_id,
        generation_id=row.generation_id,
        parent_message_id=parent_message_id or None,
        kind="chat",  # a stateless one has its whole command, or none
        content=None,
        messages=(),
        attachments=(),
        model=row.model,
        sampling=Sampling(),
        service_class="interactive",
        tier="",
        tail=row.tail,
        request_hash=row.request_hash,
        idempotency_key=None,
        deadline_at_us=row.deadline_at_us,
        price=row.price,
    )


def _plain_regeneration(row: GenerationRow) -> RegenerateRequested:
    return RegenerateRequested(
        envelope=_envelope(row),
        conversation_id=row.conversation_id,
        user_id=row.user_id,
        message_id=row.message_id,
        generation_id=row.generation_id,
        prompt_message_id=row.prompt_message_id,
        model=row.model,
        sampling=Sampling(),
        service_class="interactive",
        tier="",
        tail=row.tail,
        request_hash=row.request_hash,
        idempotency_key=None,
        deadline_at_us=row.deadline_at_us,
        price=row.price,
    )


def _envelope(row: GenerationRow) -> Envelope:
    return Envelope("", row.asked_at_us, None, "", "")
