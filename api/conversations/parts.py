"""The parts of a message as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from projections.messages.rows import MessageRow
from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.parts import ContentPart, PartText


def parts_json(row: MessageRow) -> list[dict[str, Any]]:
    """What a message consists of, in order, if that is more than its text; else nothing.

    Of a prompt of several messages each part says the role that it was sent in. Raises SealedContent.
    """
    if row.parts:
        return [_answer_part(part) for part in row.parts]
    several = len(row.messages) > 1
    return [
        {"role": message.role, **part} if several else part for message in row.messages for part in _of_message(message)
    ]


def _answer_part(part: PartText) -> dict[str, Any]:
    return {"kind": part.kind, "text": part.text, **_named(part)}


def _of_message(message: ChatMessage) -> Iterator[dict[str, Any]]:
    if not message.parts:
        yield {"kind": "text", "text": plain(message.content)}
    for part in message.parts:
        yield {
            "kind": part.kind,
            "text": "" if part.text is None else plain(part.text),
            **_named(part),
            **_stored(part),
        }


def _named(part: PartText | ContentPart) -> dict[str, Any]:
    named = {"callId": part.call_id, "name": part.name}
    return {key: value for key, value in named.items() if value}


def _stored(part: ContentPart) -> dict[str, Any]:
    """Of an image or a file: its bytes are named, not shown."""
    if not part.sha256:
        return {}
    return {"sha256": part.sha256, "mediaType": part.media_type, "sizeBytes": part.size_bytes}
