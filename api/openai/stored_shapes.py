"""Kept chat completions and the messages they answered, as OpenAI shows them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.conversation import ChatMessage
from schemas.envelope import Content, plain
from schemas.messages import message_text
from schemas.parts import ContentPart

_NAMED = re.compile(r"chatcmpl-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")


def generation_of(completion_id: str) -> str | None:
    """The id of the generation that a completion is named after; None: this is the id of none."""
    found = _NAMED.fullmatch(completion_id)
    return None if found is None else "-".join(found.groups())


def notes_of(metadata: Content | None) -> dict[str, str]:
    """A completion's metadata."""
    found = None if metadata is None else json.loads(plain(metadata))
    return found if isinstance(found, dict) else {}


def message_of(message: ChatMessage, identity: str, pictures: Mapping[str, str]) -> dict[str, Any]:
    """A message that was answered. `pictures`: data URLs of images, by digest."""
    said: dict[str, Any] = {
        "id": identity,
        "role": message.role,
        "content": message_text(message),
        "name": message.name,
        "refusal": None,
        "content_parts": None,
    }
    calls, results = _of_kind(message, "tool_call"), _of_kind(message, "tool_result")
    if calls:
        said["content"] = said["content"] or None
        said["tool_calls"] = [
            {
                "id": part.call_id,
                "type": "function",
                "function": {"name": part.name, "arguments": "" if part.text is None else plain(part.text)},
            }
            for part in calls
        ]
    if results:
        said["content"] = "".join("" if part.text is None else plain(part.text) for part in results)
        said["tool_call_id"] = results[0].call_id
    if _of_kind(message, "image"):
        said["content_parts"] = [_part(part, pictures) for part in message.parts]
    return said


def page_of(items: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """A page of a list."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    }


def _of_kind(message: ChatMessage, kind: str) -> list[ContentPart]:
    return [part for part in message.parts if part.kind == kind]


def _part(part: ContentPart, pictures: Mapping[str, str]) -> dict[str, Any]:
    if part.kind == "image":
        url = {"url": pictures.get(part.sha256, ""), "detail": part.detail or "auto"}
        return {"type": "image_url", "image_url": url}
    return {"type": "text", "text": "" if part.text is None else plain(part.text)}
