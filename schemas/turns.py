"""The turn of a command that asks for an answer. Pure."""

from __future__ import annotations

from schemas.bounding import bounded
from schemas.conversation import PromptSubmitted, RegenerateRequested
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.price import Price

Command = PromptSubmitted | RegenerateRequested


def turn_of(command: Command, cause: Position, price: Price) -> Turn:
    """The turn that a command begins, bounded as readers will have it.

    `cause`: the command's place in conversation-events. `price`: what infra.models.prices.price_of says of the command.
    """
    if isinstance(command, PromptSubmitted):
        prompt_message_id, kind = command.message_id, command.kind
    else:
        prompt_message_id, kind = command.prompt_message_id, "chat"
    turn = Turn(
        generation_id=command.generation_id,
        conversation_id=command.conversation_id,
        user_id=command.user_id,
        message_id=command.message_id,
        prompt_message_id=prompt_message_id,
        kind=kind,
        model=command.model,
        price=price,
        request_hash=command.request_hash,
        cause=cause,
        tail=command.tail,
    )
    return bounded(turn)


def account_of(command: Command) -> str:
    """Who pays for the answer: the account that the command names, else its user."""
    return command.account or command.user_id
