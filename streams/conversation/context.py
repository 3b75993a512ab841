"""Chooses the messages that a prompt is sent to the model with. Pure."""

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
    system: Sequence[ChatMessage],
    history: Sequence[ChatMessage],
    prompt: Sequence[ChatMessage],
    counter: Counter,
    *,
    limit: int,
    reserve: int,
) -> Assembled | None:
    """System messages and prompt always, then the newest whole messages of `history` for which there is room.

    `limit`: tokens of the model's context; None if system messages and prompt alone leave nothing of it for an answer.
    `reserve`: what history must leave for the answer. History is never cut in the middle: the first message that does
    not fit ends it, and it does not begin with an answer whose prompt is left out, or a result whose call is.
    """
    tokens = counter.count_messages([*system, *prompt])
    if tokens >= limit:
        return None
    costs: list[int] = []
    first = len(history)
    while first and tokens + (cost := counter.count_message(history[first - 1])) <= limit - reserve:
        tokens += cost
        costs.append(cost)
        first -= 1
    while 0 < first < len(history) and history[first].role in ("assistant", "tool"):
        tokens -= costs.pop()
        first += 1
    return Assembled((*system, *history[first:], *prompt), tokens)
