"""Which messages a prompt goes to its model with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.conversation import ChatMessage
from streams.conversation.ports import Counter


@dataclass(frozen=True, slots=True)
class Assembled:
    """The messages in order, and their tokens with the template around them."""

    messages: tuple[ChatMessage, ...]
    prompt_tokens: int


def assemble(
    system: Sequence[ChatMessage], history: Sequence[ChatMessage], prompt: ChatMessage, budget: int, counter: Counter
) -> Assembled | None:
    """System messages and prompt always, then the newest whole messages of `history` that fit `budget` tokens.

    None if system messages and prompt alone do not fit. History is never cut in the middle: the first message that
    does not fit ends it.
    """
    tokens = counter.count_messages([*system, prompt])
    if tokens > budget:
        return None
    first = len(history)
    while first and tokens + (cost := counter.count_message(history[first - 1])) <= budget:
        tokens += cost
        first -= 1
    return Assembled((*system, *history[first:], prompt), tokens)
