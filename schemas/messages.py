"""Reads messages of both shapes: one text, or parts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.conversation import ChatMessage, PromptSubmitted
from schemas.envelope import Content, plain
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


def shown_content(messages: Sequence[ChatMessage]) -> Content:
    """What lists show of several messages: the text of the newest that a user wrote, else all there is in lines.

    Sealed content is not opened: where some is met, that is shown.
    """
    users = [content for message in messages if message.role == "user" and (content := _content(message))]
    if users:
        return users[-1]
    found = [content for message in messages if (content := _content(message))]
    return next((content for content in found if not isinstance(content, str)), None) or "\n".join(map(plain, found))


def prompt_content(prompt: PromptSubmitted) -> Content:
    """What lists show of a prompt."""
    return shown_content(prompt.messages) if prompt.content is None else prompt.content


def _content(message: ChatMessage) -> Content:
    if not message.parts:
        return message.content
    found = [part.text for part in message.parts if part.kind in VISIBLE and part.text]
    return next((text for text in found if not isinstance(text, str)), None) or "".join(map(plain, found))


def with_parts(role: str, parts: tuple[ContentPart, ...], name: str | None = None) -> ChatMessage:
    """A message of these parts, in its shortest shape: one text is no parts."""
    if len(parts) == 1 and parts[0] == ContentPart("text", parts[0].text):
        return ChatMessage(role, parts[0].text or "", name)
    return ChatMessage(role, "", name, parts)


def joined(first: ChatMessage, second: ChatMessage) -> ChatMessage | None:
    """Two messages of one role and name as one, with a blank line between; None where they are not that, or sealed."""
    if (first.role, first.name) != (second.role, second.name):
        return None
    if not first.parts and not second.parts:
        if not isinstance(first.content, str) or not isinstance(second.content, str):
            return None
        return ChatMessage(first.role, f"{first.content}\n\n{second.content}", first.name)
    parts = (*_parts(first), ContentPart("text", "\n\n"), *_parts(second))
    return ChatMessage(first.role, "", first.name, parts)


def _parts(message: ChatMessage) -> tuple[ContentPart, ...]:
    return message.parts or (ContentPart("text", message.content),)


def _text(part: ContentPart) -> str:
    return "" if part.text is None else plain(part.text)
