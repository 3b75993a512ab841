"""Answers of several parts as messages of a context. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from projections.messages.rows import MessageRow
from schemas.conversation import ChatMessage
from schemas.messages import with_parts
from schemas.parts import VISIBLE, ContentPart


def answer_message(reply: MessageRow) -> ChatMessage | None:
    """An answer as its engine gets it back: text and refusals as text, calls as calls. None: it has neither.

    Reasoning never comes back.
    """
    calls = tuple(
        ContentPart("tool_call", part.text, part.call_id, part.name) for part in reply.parts if part.kind == "tool_call"
    )
    if not calls:
        return ChatMessage("assistant", reply.content) if reply.content else None
    texts = [ContentPart("text", part.text) for part in reply.parts if part.kind in VISIBLE and part.text]
    return with_parts("assistant", (*texts, *calls))


def appended_message(row: MessageRow) -> ChatMessage | None:
    """A message that no generation of ours made, as engines are told it: without reasoning. None: an answer of which
    nothing is left then."""
    message = row.messages[0] if row.messages else ChatMessage(row.role, row.content)
    parts = tuple(part for part in message.parts if part.kind != "reasoning")
    if len(parts) < len(message.parts):
        message = with_parts(message.role, parts, message.name)
    return None if message.role == "assistant" and not message.content and not message.parts else message


def without_orphans(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The messages without results of calls that none of them makes."""
    called: set[str] = set()
    kept = []
    for message in messages:
        called |= {part.call_id for part in message.parts if part.kind == "tool_call"}
        if message.role != "tool" or all(part.call_id in called for part in message.parts):
            kept.append(message)
    return tuple(kept)
