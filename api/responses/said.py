"""The messages of a conversation as items, and the ids of items. Pure.

An item's id is the id of the message it is of and its number in it, so the same message has the same items on every
surface and at any time.
"""

from __future__ import annotations

import re
from typing import Any

from api.responses.items import items_of, one_item_each
from api.responses.output import Output
from api.responses.shapes import is_cut, uuid_of
from api.streaming.pieces import Placing, piece
from projections.messages.rows import MessageRow
from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.messages import with_parts
from schemas.parts import VISIBLE, ChunkPart, ContentPart

_ITEM = re.compile("(?:msg|fc|fco|rs|cmp)_([0-9a-f]{32})[0-9a-f]{4}", re.ASCII)
_NO_EVENTS = 2**63


def message_behind(item_id: str) -> str | None:
    """The message that an item is of; None for what is no id of an item."""
    found = _ITEM.fullmatch(item_id)
    return None if found is None else uuid_of(found[1])


def is_answer(row: MessageRow) -> bool:
    """Whether a generation of ours made it."""
    return row.role == "assistant" and not row.appended


def items_of_row(row: MessageRow) -> list[dict[str, Any]]:
    """The items of a message. An answer has those that its response has, and none while it runs."""
    if not is_answer(row):
        return items_of(row.messages or (ChatMessage(row.role, row.content),), row.message_id)
    output = Output(row.message_id, after=_NO_EVENTS)
    placing = Placing()
    for index, part in enumerate(row.parts):
        output.put(placing.piece(part.text, ChunkPart(index, part.kind, part.call_id, part.name), ""))
    if not row.parts and (text := plain(row.content)):
        output.put(piece(text))
    output.close(whole=row.status == "completed" and not is_cut(row.finish_reason))
    return output.items


def messages_of_row(row: MessageRow) -> list[ChatMessage | None]:
    """What each item of a message is as a message of a context; None: a thought, which is never given back."""
    if not is_answer(row):
        return list(one_item_each(row.messages or (ChatMessage(row.role, row.content),)))
    if not row.parts:
        return [ChatMessage("assistant", row.content)] if plain(row.content) else []
    found: list[ChatMessage | None] = []
    content: list[ContentPart] = []
    for part in row.parts:
        if part.kind in VISIBLE:
            content.append(ContentPart(part.kind, part.text))
            continue
        if content:
            found.append(with_parts("assistant", tuple(content)))
            content = []
        called = ContentPart("tool_call", part.text, part.call_id, part.name)
        found.append(with_parts("assistant", (called,)) if part.kind == "tool_call" else None)
    return [*found, with_parts("assistant", tuple(content))] if content else found
