"""Chooses the messages that a prompt is sent to the model with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.conversation import ChatMessage
from schemas.messages import joined
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
    unanswered: bool = False,
) -> Assembled | None:
    """System messages and prompt always, then the newest whole messages of `history` for which there is room.

    `limit`: tokens of the model's context; None if system messages and prompt alone leave nothing of it for an answer.
    `reserve`: what history must leave for the answer. History is never cut in the middle: the first message that does
    not fit ends it, and it does not begin with an answer whose prompt is left out, or a result whose call is.
    `unanswered`: history ends with a prompt that got no answer. It is one message with the prompt, for many models are
    told of no two messages of the user in a row.
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
    kept = history[first:]
    one = joined(kept[-1], prompt[0]) if unanswered and kept and prompt else None
    if one is not None:
        tokens += counter.count_message(one) - sum(map(counter.count_message, (kept[-1], prompt[0])))
        kept, prompt = kept[:-1], (one, *prompt[1:])
    return Assembled((*system, *kept, *prompt), tokens)
