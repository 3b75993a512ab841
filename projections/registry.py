"""The one list of projections: every version that this code can write.

A rebuild adds a version beside the one that is read: another entry with the same name, its own tables and fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from projections.accounts import fold as accounts
from projections.accounts.table import API_KEYS, KEYS_BY_USER, USERS
from projections.conversation_lists import fold as conversation_lists
from projections.conversation_lists.table import CONVERSATIONS_BY_USER
from projections.conversations import fold as conversations
from projections.conversations.table import CONVERSATIONS
from projections.generations import fold as generations
from projections.generations.table import GENERATIONS
from projections.messages import fold as messages
from projections.messages.table import MESSAGE_PLACES, MESSAGES
from projections.order import ImpossiblePosition
from projections.rows import RowChange, Table, Unprojectable, checked
from projections.usage import fold as usage
from projections.usage.table import USAGE
from schemas.envelope import Position
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS

Fold = Callable[[Any, Position], tuple[RowChange, ...]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A version of a projection: which topics it reads, which tables it fills, how."""

    name: str
    version: int
    topics: frozenset[str]
    tables: tuple[Table, ...]
    fold: Fold


PROJECTIONS: tuple[Projection, ...] = (
    Projection(
        "messages",
        1,
        frozenset({CONVERSATION_EVENTS, GENERATION_OUTCOMES}),
        (MESSAGES, MESSAGE_PLACES),
        messages.fold,
    ),
    # After messages: a conversation's row tells by `changed` what its messages show already.
    Projection("conversations", 1, frozenset({CONVERSATION_EVENTS}), (CONVERSATIONS,), conversations.fold),
    Projection(
        "conversation_lists",
        1,
        frozenset({CONVERSATION_EVENTS}),
        (CONVERSATIONS_BY_USER,),
        conversation_lists.fold,
    ),
    Projection("generations", 1, frozenset({CONVERSATION_EVENTS}), (GENERATIONS,), generations.fold),
    Projection("usage", 1, frozenset({USAGE_RECORDS}), (USAGE,), usage.fold),
    Projection("accounts", 1, frozenset({ACCOUNT_EVENTS}), (USERS, API_KEYS, KEYS_BY_USER), accounts.fold),
)

TOPICS: tuple[str, ...] = (CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS, ACCOUNT_EVENTS)


def names() -> tuple[str, ...]:
    """The projections, each once."""
    return tuple(dict.fromkeys(projection.name for projection in PROJECTIONS))


def fold_all(projections: tuple[Projection, ...], record: Any, position: Position) -> list[tuple[int, RowChange]]:
    """What a record changes in all of `projections`, each change with its projection's version.

    Raises Unprojectable.
    """
    try:
        return [
            (projection.version, change)
            for projection in projections
            for change in checked(projection.fold(record, position))
        ]
    except ImpossiblePosition as error:
        raise Unprojectable(str(error)) from error
