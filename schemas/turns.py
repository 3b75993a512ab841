"""The turn of a command that asks for an answer. Pure."""

from __future__ import annotations

from schemas import ids
from schemas.bounding import bounded
from schemas.conversation import PromptSubmitted, RegenerateRequested, Request, TitleRequested, TurnKind
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.price import Attribution, Price

UserCommand = PromptSubmitted | RegenerateRequested
Command = UserCommand | TitleRequested

TITLES = "system:titles"
"""Who asks for titles and gives them, and the version of their price: what has it is recorded and billed to nobody."""
UNBILLED = Price(TITLES, "USD", 0, 0, 0)
IMPORTS = "system:imports"
"""Who appends the messages of a conversation that was held elsewhere. Such messages alone make no conversation that is
shown: the ConversationStarted behind the last of them does, so that none is ever seen in part."""
DEFAULT_TIER = "default"
MAX_CHOICES = 8
"""Answers to one command."""


def choices_of(command: Command) -> int:
    """How many answers a command asks for: more than one only of a stateless prompt, and MAX_CHOICES at most."""
    if not isinstance(command, PromptSubmitted) or command.kind != "stateless" or command.request is None:
        return 1
    return max(1, min(command.request.choices, MAX_CHOICES))


def generations_of(command: Command) -> tuple[str, ...]:
    """The ids of the generations that a command begins, in the order of its choices."""
    more = (ids.choice_id(command.message_id, choice) for choice in range(1, choices_of(command)))
    return (command.generation_id, *more)


def turn_of(command: Command, cause: Position, price: Price, choice: int = 0) -> Turn:
    """The turn that a command begins, or of several answers that of `choice`, bounded as readers will have it.

    `cause`: the command's place in conversation-events. `price`: what infra.models.prices.price_of says of the command.
    """
    turn = Turn(
        generation_id=command.generation_id if choice == 0 else ids.choice_id(command.message_id, choice),
        conversation_id=command.conversation_id,
        user_id=command.user_id,
        message_id=command.message_id,
        prompt_message_id=prompt_of(command),
        kind=kind_of(command),
        model=command.model,
        price=price,
        request_hash=hash_of(command),
        cause=cause,
        tail=command.tail,
        choice=choice,
        attribution=attribution_of(command),
    )
    return bounded(turn)


def attribution_of(command: Command) -> Attribution | None:
    """Who asked for the answer and who pays; None of a title, and of a user who pays at the tier `default` and asked by
    no key that is known."""
    if isinstance(command, TitleRequested):
        return None
    said = Attribution(
        account=command.account or command.user_id,
        organisation_id=command.organisation_id,
        key_id=command.key_id,
        tier=command.tier or DEFAULT_TIER,
    )
    return None if said == Attribution(account=command.user_id) else said


def request_of(command: Command) -> Request | None:
    """What a user's command asks for beside its prompt and its sampling."""
    return None if isinstance(command, TitleRequested) else command.request


def kind_of(command: Command) -> TurnKind:
    """What kind of turn a command begins."""
    match command:
        case PromptSubmitted(kind=kind):
            return kind
        case TitleRequested():
            return "title"
        case _:
            return "chat"


def prompt_of(command: Command) -> str:
    """The message that is answered."""
    return command.message_id if isinstance(command, PromptSubmitted) else command.prompt_message_id


def hash_of(command: Command) -> str:
    """The hash of the request that made the command; empty where none did."""
    return "" if isinstance(command, TitleRequested) else command.request_hash


def account_of(command: Command) -> str:
    """Who pays for the answer: the account that the command names, else its user; of a title nobody."""
    return TITLES if isinstance(command, TitleRequested) else command.account or command.user_id
