"""What the readable formats of an export have in common: who says what, when, and in which parts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from api.conversations.parts import parts_json
from api.moving.exported import Exported
from projections.conversations.queries import ConversationRow
from schemas.envelope import plain

_SPEAKERS = {"user": "You", "assistant": "Assistant", "system": "System", "developer": "Developer", "tool": "Tool"}
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NOT_COMPLETED = {"running": "still being written", "failed": "failed", "cancelled": "stopped", "refused": "refused"}


class Part(NamedTuple):
    """`kind`: text, reasoning, refusal, tool_call, tool_result, image or file. `name`: of the tool or the file."""

    kind: str
    text: str
    name: str = ""


def visible(text: str) -> str:
    """The text with the characters that turn the direction of what follows shown as what they are."""
    return _TURNING.sub(lambda found: f"\u27e8U+{ord(found[0]):04X}\u27e9", text)


def title_of(row: ConversationRow) -> str:
    return visible(" ".join(plain(row.title).split())) if row.title is not None else "Conversation"


def minute(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def speaker(each: Exported) -> str:
    """Who, which model, when."""
    row = each.row
    model = f" ({visible(row.model)})" if row.role == "assistant" and row.model else ""
    return f"{_SPEAKERS.get(row.role, row.role)}{model}"


def remark(each: Exported) -> str:
    """Where the message stands, if not behind the one before it, and how it ended, if not well; else nothing."""
    said = []
    if each.version_of is not None:
        said.append(f"another version of {each.version_of}")
    elif each.follows is not None and each.follows != each.number - 1:
        said.append(f"follows {each.follows}")
    if (how := _NOT_COMPLETED.get(each.row.status)) is not None:
        said.append(how)
    return "; ".join(said)


def parts_of(each: Exported) -> Iterator[Part]:
    """What the message consists of; what is empty is left out."""
    row = each.row
    for part in parts_json(row) or [{"kind": "text", "text": plain(row.content)}]:
        name = part.get("name") or part.get("mediaType") or ""
        if part["text"] or name:
            yield Part(part["kind"], visible(part["text"]), visible(name))
    for file in row.attachments:
        yield Part("file", "", visible(file.name))
