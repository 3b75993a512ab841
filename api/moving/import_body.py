"""The body of an import: one conversation of another product, or a part of it, checked. Pure but for the clock it gets.

Every refusal names the message that is wrong, by its place in the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from api.http.bodies import ApiBody
from api.http.errors import bad_request
from schemas.conversation import ChatMessage
from schemas.messages import all_texts, with_parts
from schemas.parts import ContentPart

MAX_MESSAGES = 2_000
"""In one request; a longer conversation comes in several."""
MAX_BYTES = 8 * 1024 * 1024
"""Of one request's body."""
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_PARTS = 200
MAX_TITLE_CHARACTERS = 200
MAX_SYSTEM_PROMPT_CHARACTERS = 100_000
_DAY_US = 86_400_000_000

Id = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(max_length=200)]


class Source(ApiBody):
    """`id`: of the conversation, where it comes from."""

    product: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    id: Id


class ImportedPart(ApiBody):
    kind: Literal["text", "reasoning", "refusal", "tool_call", "tool_result"]
    text: str
    call_id: Name = ""
    name: Name = ""


class ImportedMessage(ApiBody):
    """`parent`: the id of an earlier message of the conversation; null: it begins a branch of its own. It has either
    `content` or `parts`."""

    id: Id
    parent: Id | None = None
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | None = None
    parts: Annotated[list[ImportedPart], Field(min_length=1, max_length=MAX_PARTS)] | None = None
    model: Name | None = None
    created_at: str | None = Field(default=None, max_length=40)


class ImportConversation(ApiBody):
    """`more`: further messages of it come with later requests, and until the last it is not shown."""

    source: Source
    title: str | None = Field(default=None, max_length=MAX_TITLE_CHARACTERS)
    model: Name | None = None
    system_prompt: str | None = Field(default=None, max_length=MAX_SYSTEM_PROMPT_CHARACTERS)
    created_at: str | None = Field(default=None, max_length=40)
    updated_at: str | None = Field(default=None, max_length=40)
    more: bool = False
    messages: Annotated[list[ImportedMessage], Field(min_length=1, max_length=MAX_MESSAGES)]


@dataclass(frozen=True, slots=True)
class Message:
    """`place`: of the message in the body, for errors. `size`: an upper bound of its bytes in a record."""

    place: str
    source_id: str
    parent: str | None
    message: ChatMessage
    model: str
    at_us: int
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be imported. Times are microseconds since 1970 UTC."""

    source: Source
    title: str | None
    model: str | None
    system_prompt: str | None
    created_at_us: int
    updated_at_us: int
    more: bool
    messages: tuple[Message, ...]


def understood(body: ImportConversation, now_us: int) -> Wanted:
    """What a body asks for. A message without a time has that of the one before it, the first that of the conversation.

    Raises ApiError 400.
    """
    created_at_us = _time(body.created_at, "created_at", now_us)
    updated_at_us = _time(body.updated_at, "updated_at", now_us)
    at_us = created_at_us
    messages: list[Message] = []
    seen: set[str] = set()
    for nth, each in enumerate(body.messages):
        place = f"messages[{nth}]"
        if each.id in seen:
            raise bad_request(f"Invalid value for '{place}.id': an earlier message has it.", param=f"{place}.id")
        seen.add(each.id)
        said = _time(each.created_at, f"{place}.created_at", now_us)
        at_us = said if said is not None else at_us
        message = _message(each, place)
        size = sum(len(text.encode()) for text in all_texts(message)) + 200
        if size > MAX_MESSAGE_BYTES:
            raise bad_request(
                f"Invalid value for '{place}': it is larger than {MAX_MESSAGE_BYTES:,} bytes.", param=place
            )
        messages.append(Message(place, each.id, each.parent, message, each.model or "", at_us or now_us, size))
    times = [message.at_us for message in messages]
    began = created_at_us if created_at_us is not None else min(times)
    ended = updated_at_us if updated_at_us is not None else max(times)
    return Wanted(
        source=body.source,
        title=body.title if body.title and body.title.strip() else None,
        model=body.model,
        system_prompt=body.system_prompt or None,
        created_at_us=began,
        updated_at_us=max(began, ended),
        more=body.more,
        messages=tuple(messages),
    )


def _message(each: ImportedMessage, place: str) -> ChatMessage:
    if (each.content is None) == (each.parts is None):
        raise bad_request(f"'{place}' must have either content or parts.", param=place)
    if each.parts is None:
        return ChatMessage(each.role, each.content or "")
    for nth, part in enumerate(each.parts):
        is_call = part.kind in ("tool_call", "tool_result")
        if is_call != bool(part.call_id):
            said = "needs a call_id" if is_call else "must have no call_id"
            raise bad_request(f"'{place}.parts[{nth}]' {said}.", param=f"{place}.parts[{nth}].call_id")
        if (part.kind == "tool_result") != (each.role == "tool"):
            raise bad_request(
                f"'{place}.parts[{nth}]': results of tools stand in messages of the role tool, and nothing else does.",
                param=f"{place}.parts[{nth}].kind",
            )
    parts = tuple(ContentPart(part.kind, part.text, part.call_id, part.name) for part in each.parts)
    return with_parts(each.role, parts)


def _time(text: str | None, param: str, now_us: int) -> int | None:
    """Raises ApiError 400 for what is not a time from 1970 to tomorrow."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at_us = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise bad_request(f"Invalid value for '{param}': not a time (2026-11-21T08:30:00Z).", param=param) from None
    if not 0 <= at_us <= now_us + _DAY_US:
        raise bad_request(f"Invalid value for '{param}': only times from 1970 until now can be.", param=param)
    return at_us
