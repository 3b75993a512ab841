"""Reads messages of both shapes: one text, or parts. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.parts import VISIBLE, ContentPart


def message_text(message: ChatMessage) -> str:
    """What is shown, searched and prompted as the text of a message. Raises SealedContent."""
    if not message.parts:
        return plain(message.content)
    return "".join(_text(part) for part in message.parts if part.kind in VISIBLE)


def all_texts(message: ChatMessage) -> Iterator[str]:
    """Every text that a message brings to a model: beside its text also calls, results, reasoning, and names of files.

    What is judged, and what bounds the work of reading it. Raises SealedContent.
    """
    if not message.parts:
        yield plain(message.content)
        return
    for part in message.parts:
        if text := _text(part):
            yield text
        if part.name:
            yield part.name


def counted_text(message: ChatMessage) -> str:
    """All texts of a message in one, to count their tokens. Raises SealedContent."""
    return plain(message.content) if not message.parts else "\n".join(all_texts(message))


def characters(message: ChatMessage) -> int:
    """How many characters `all_texts` has."""
    return len(plain(message.content)) if not message.parts else sum(map(len, all_texts(message)))


def with_parts(role: str, parts: tuple[ContentPart, ...], name: str | None = None) -> ChatMessage:
    """A message of these parts, in its shortest shape: one text is no parts."""
    if len(parts) == 1 and parts[0] == ContentPart("text", parts[0].text):
        return ChatMessage(role, parts[0].text or "", name)
    return ChatMessage(role, "", name, parts)


def _text(part: ContentPart) -> str:
    return "" if part.text is None else plain(part.text)
