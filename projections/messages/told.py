"""What a turn's row keeps beside its plain texts: messages of parts, parts of an answer, and the whole command. Pure.

A plain prompt and a plain answer have none of these cells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from projections.content import from_cell, to_cell
from schemas.codec import encode_whole
from schemas.conversation import AppendedMessage, ChatMessage, PromptSubmitted
from schemas.envelope import Content
from schemas.outcome import Outcome
from schemas.parts import ContentPart, PartText, parts_of
from schemas.turns import UserCommand
from topics.catalogue import CONVERSATION_EVENTS

_TEXTS = ("call_id", "name", "sha256", "media_type", "detail")


def messages_to_cell(messages: Sequence[ChatMessage]) -> str:
    """The cell of a prompt's messages; empty: it has none."""
    return _json([_listed(message) for message in messages]) if messages else ""


def messages_from_cell(cell: str | None) -> tuple[ChatMessage, ...]:
    """The messages of a cell."""
    return tuple(_message(values) for values in json.loads(cell)) if cell else ()


def appended_to_cell(messages: Sequence[AppendedMessage]) -> str:
    """The cell of messages that no generation made."""
    return _json([[each.message_id, each.at_us, each.model, _listed(each.message)] for each in messages])


def appended_from_cell(cell: str | None) -> tuple[AppendedMessage, ...]:
    """The messages of such a cell."""
    return tuple(
        AppendedMessage(message_id=message_id, at_us=at_us, model=model, message=_message(values))
        for message_id, at_us, model, values in json.loads(cell or "[]")
    )


def ids_to_cell(message_ids: Sequence[str]) -> str:
    """The cell of some ids."""
    return _json(list(message_ids))


def ids_from_cell(cell: str | None) -> tuple[str, ...]:
    """The ids of a cell."""
    return tuple(json.loads(cell)) if cell else ()


def parts_to_cell(outcome: Outcome) -> str:
    """The cell of the parts of an answer with their texts; empty: it is text alone, or sealed."""
    if not outcome.parts or not isinstance(outcome.text, str):
        return ""
    return _json([[part.kind, part.text, part.call_id, part.name] for part in parts_of(outcome.text, outcome.parts)])


def parts_from_cell(cell: str | None) -> tuple[PartText, ...]:
    """The parts of a cell."""
    return tuple(PartText(*values) for values in json.loads(cell)) if cell else ()


def command_to_cell(command: UserCommand) -> bytes | None:
    """A command whose request said more than its row's other cells, without what stands in those."""
    if command.request is None:
        return None
    if not isinstance(command, PromptSubmitted):
        return encode_whole(command)
    return encode_whole(replace(command, content=None, messages=(), attachments=()))


def command_from_cell(cell: bytes) -> UserCommand:
    """The command of a cell. Raises UndecodableRecord, NewerRecord, and ValueError for a cell of another record."""
    found = CONVERSATION_EVENTS.decode(cell)
    if not isinstance(found, UserCommand):
        raise ValueError(f"a {type(found).__name__} is not a command")
    return found


def _listed(message: ChatMessage) -> list[Any]:
    # An empty content and an absent one read the same.
    return [message.role, to_cell(message.content), message.name, [_part(part) for part in message.parts]]


def _part(part: ContentPart) -> dict[str, Any]:
    said: dict[str, Any] = {name: value for name in _TEXTS if (value := getattr(part, name))}
    if part.text is not None:
        said["text"] = to_cell(part.text)
    if part.size_bytes:
        said["size_bytes"] = part.size_bytes
    return {"kind": part.kind, **said}


def _message(values: list[Any]) -> ChatMessage:
    role, content, name, parts = values
    return ChatMessage(role, from_cell(content), name, tuple(_part_of(part) for part in parts))


def _part_of(said: dict[str, Any]) -> ContentPart:
    text: Content | None = from_cell(said["text"]) if "text" in said else None
    return ContentPart(**{**said, "text": text})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
