"""Answers as messages of a context, and prompts that got none. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from projections.messages.rows import MessageRow
from schemas.conversation import ChatMessage
from schemas.messages import joined, with_parts
from schemas.parts import VISIBLE, ContentPart
from schemas.thinking import without_thinking


class Said(NamedTuple):
    """A message of a chain. `owner`: the id of what it is or is part of. `judged`: a policy has seen it, or a prompt
    that it was given with. `asks`: it is the end of a prompt, or of messages put in together, which an answer is to
    follow."""

    owner: str
    message: ChatMessage
    judged: bool = True
    asks: bool = False


def answer_message(reply: MessageRow) -> ChatMessage | None:
    """An answer as its engine gets it back: text and refusals as text, calls as calls. None: it has neither.

    Reasoning never comes back, nor does thinking that its text begins with.
    """
    calls = tuple(
        ContentPart("tool_call", part.text, part.call_id, part.name) for part in reply.parts if part.kind == "tool_call"
    )
    if not calls:
        return _unless_empty(without_thinking(ChatMessage("assistant", reply.content)))
    texts = [ContentPart("text", part.text) for part in reply.parts if part.kind in VISIBLE and part.text]
    return without_thinking(with_parts("assistant", (*texts, *calls)))


def appended_message(row: MessageRow) -> ChatMessage | None:
    """A message that no generation of ours made, as engines are told it: without reasoning. None: an answer of which
    nothing is left then."""
    message = row.messages[0] if row.messages else ChatMessage(row.role, row.content)
    parts = tuple(part for part in message.parts if part.kind != "reasoning")
    if len(parts) < len(message.parts):
        message = with_parts(message.role, parts, message.name)
    return _unless_empty(without_thinking(message))


def _unless_empty(message: ChatMessage) -> ChatMessage | None:
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


def each_answered(chain: Iterable[Said]) -> tuple[tuple[ChatMessage, ...], bool]:
    """The messages of a chain, in which the user does not speak twice for want of an answer; and whether its end is a
    prompt without one.

    A prompt whose answer failed, said nothing or was deleted is one message with the user's next. What a request put in
    a row itself stays so.
    """
    told: list[ChatMessage] = []
    before = Said("", ChatMessage("system", ""))
    for said in chain:
        one = joined(told[-1], said.message) if before.asks and said.owner != before.owner and told else None
        if one is None or one.role != "user":
            told.append(said.message)
        else:
            told[-1] = one
        before = said
    return tuple(told), before.asks and before.message.role == "user"
