"""A conversation as JSON that can be imported again: format `verbatim.conversation`, version 1 (docs/api.md). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api.conversations.parts import parts_json
from api.conversations.shapes import message_json
from api.http.answers import iso
from api.moving.exported import Exported
from projections.conversations.queries import ConversationRow
from schemas.envelope import plain

FORMAT = "verbatim.conversation"
VERSION = 1
_LEFT_OUT = frozenset({"conversationId", "parts"})
"""Of what the API says of a message: the one is said once, the other in a shape of its own."""


def head(row: ConversationRow, at_us: int) -> bytes:
    said = {
        "format": FORMAT,
        "version": VERSION,
        "exportedAt": iso(at_us),
        "id": row.conversation_id,
        "title": None if row.title is None else plain(row.title),
        "model": row.model,
        "systemPrompt": None if row.system_prompt is None else plain(row.system_prompt),
        "createdAt": iso(row.created_at_us),
        "updatedAt": iso(row.updated_at_us),
    }
    return orjson.dumps(said)[:-1] + b',"messages":[\n'


def page(messages: Sequence[Exported]) -> bytes:
    return b"".join((b"" if each.number == 1 else b",\n") + orjson.dumps(_message(each)) for each in messages)


def tail() -> bytes:
    return b"\n]}\n"


def _message(each: Exported) -> dict[str, Any]:
    said = {name: value for name, value in message_json(each.row, each.rating).items() if name not in _LEFT_OUT}
    parts = parts_json(each.row)
    attachments = [{"name": file.name, "mediaType": file.media_type} for file in each.row.attachments]
    return {**said, **({"parts": parts} if parts else {}), **({"attachments": attachments} if attachments else {})}
