"""The list of projections: every definition (tables and fold) that this code can write.

A definition says how; a version says where. The tables of each version carry its number, and which definition fills
them stands in Cassandra (projections/versions.py). Another definition is another entry with the same name; `up`
rebuilds by it what an older one fills, and until then the queries must get along with both. An older entry stays as
long as an installation that `up` takes along may hold it (tests/releases).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from projections.accounts import fold as accounts
from projections.accounts.table import API_KEYS, KEYS_BY_USER, USERS
from projections.commands import fold as commands
from projections.commands.table import COMMANDS
from projections.conversation_lists import fold as conversation_lists
from projections.conversation_lists.table import CONVERSATIONS_BY_USER
from projections.conversation_marks import fold as conversation_marks
from projections.conversation_marks.table import CONVERSATION_MARKS, MARKED_BY_USER
from projections.conversations import fold as conversations
from projections.conversations.table import CONVERSATIONS, CONVERSATIONS_1, CONVERSATIONS_2
from projections.embeddings import fold as embeddings
from projections.embeddings.table import EMBEDDINGS
from projections.feedback import fold as feedback
from projections.feedback.table import FEEDBACK
from projections.generations import fold as generations
from projections.generations.table import GENERATIONS, GENERATIONS_1, GENERATIONS_2, GENERATIONS_3
from projections.identities import fold as identities
from projections.identities.table import GRANTS, GRANTS_BY_USER, MEMBERS, MEMBERSHIPS, ORGANISATIONS, STANDINGS
from projections.messages import fold as messages
from projections.messages.table import MESSAGE_PLACES, MESSAGES, MESSAGES_1, MESSAGES_2
from projections.order import ImpossiblePosition
from projections.preferences import fold as preferences
from projections.preferences.table import ACCOUNT_COMMANDS, FOLDERS, SESSION_ENDS, SETTINGS, SNIPPETS
from projections.rows import RowChange, Table, Unprojectable, checked, narrowed
from projections.sign_ins import fold as sign_ins
from projections.sign_ins.table import (
    LINKED,
    ONE_TIME_LINKS,
    PASSWORDS,
    SIGNED_IN,
    SIGNED_IN_BY_USER,
    SIGNED_OUT,
)
from projections.stored_generations import fold as stored_generations
from projections.stored_generations.table import GENERATION_NOTES, STORED_BY_USER
from projections.temporaries import fold as temporaries
from projections.temporaries.table import TEMPORARIES
from projections.usage import fold as usage
from projections.usage.table import USAGE, USAGE_1
from projections.usage_rollups import fold as usage_rollups
from projections.usage_rollups.table import USAGE_BILLS, USAGE_SUMS
from schemas.account import AccountEvent
from schemas.codec import NewerRecord
from schemas.conversation import ConversationEvent, PromptKind, PromptSubmitted, TurnKind
from schemas.envelope import Position
from schemas.families import Family
from schemas.outcome import Outcome
from schemas.usage import UsageEntry
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS, catalogue
from topics.vocabulary import check_word

Fold = Callable[[Any, Position], tuple[RowChange, ...]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A projection: which topics it reads, which tables it fills, how; and the version whose tables are meant.

    `counts`: its rows are made of the rows before (projections/counting.py); its fold only says which records can be
    counted. `waits`: what came before is a rebuild's to count, and it says from where on the projector counts.
    """

    name: str
    definition: int
    topics: frozenset[str]
    tables: tuple[Table, ...]
    fold: Fold
    version: int = 1
    counts: bool = False
    waits: bool = False

    def at(self, version: int) -> Projection:
        """The same definition for another version's tables."""
        return replace(self, version=version)


DEFINITIONS: tuple[Projection, ...] = (
    Projection(
        "messages",
        1,
        frozenset({CONVERSATION_EVENTS, GENERATION_OUTCOMES}),
        (MESSAGES_1, MESSAGE_PLACES),
        narrowed(messages.fold, (MESSAGES, MESSAGES_1)),
    ),
    # 2: whether tokens are estimated, and how many of them were reasoning.
    Projection(
        "messages",
        2,
        frozenset({CONVERSATION_EVENTS, GENERATION_OUTCOMES}),
        (MESSAGES_2, MESSAGE_PLACES),
        narrowed(messages.fold, (MESSAGES, MESSAGES_2)),
    ),
    # 3: prompts and answers of parts, appended messages, and what else a command asked for.
    Projection(
        "messages",
        3,
        frozenset({CONVERSATION_EVENTS, GENERATION_OUTCOMES}),
        (MESSAGES, MESSAGE_PLACES),
        messages.fold,
    ),
    Projection("feedback", 1, frozenset({CONVERSATION_EVENTS}), (FEEDBACK,), feedback.fold),
    Projection("commands", 1, frozenset({CONVERSATION_EVENTS}), (COMMANDS,), commands.fold),
    # After messages, feedback and commands: a conversation's row tells by `changed` what those show already.
    Projection(
        "conversations",
        1,
        frozenset({CONVERSATION_EVENTS}),
        (CONVERSATIONS_1,),
        narrowed(conversations.fold, (CONVERSATIONS, CONVERSATIONS_1)),
    ),
    # 2: metadata, and the titles that are made for conversations.
    Projection(
        "conversations",
        2,
        frozenset({CONVERSATION_EVENTS}),
        (CONVERSATIONS_2,),
        narrowed(conversations.fold, (CONVERSATIONS, CONVERSATIONS_2)),
    ),
    # 3: which conversations are temporary.
    Projection("conversations", 3, frozenset({CONVERSATION_EVENTS}), (CONVERSATIONS,), conversations.fold),
    Projection("temporaries", 1, frozenset({CONVERSATION_EVENTS}), (TEMPORARIES,), temporaries.fold),
    Projection(
        "conversation_lists",
        1,
        frozenset({CONVERSATION_EVENTS}),
        (CONVERSATIONS_BY_USER,),
        conversation_lists.fold,
    ),
    Projection(
        "generations",
        1,
        frozenset({CONVERSATION_EVENTS}),
        (GENERATIONS_1,),
        narrowed(generations.fold, (GENERATIONS, GENERATIONS_1)),
    ),
    # 2: the price that the command names.
    Projection(
        "generations",
        2,
        frozenset({CONVERSATION_EVENTS}),
        (GENERATIONS_2,),
        narrowed(generations.fold, (GENERATIONS, GENERATIONS_2)),
    ),
    # 3: by which API it was asked for and how, and which of its command's answers it is.
    Projection(
        "generations",
        3,
        frozenset({CONVERSATION_EVENTS}),
        (GENERATIONS_3,),
        narrowed(generations.fold, (GENERATIONS, GENERATIONS_3)),
    ),
    # 4: who asked and who pays.
    Projection("generations", 4, frozenset({CONVERSATION_EVENTS}), (GENERATIONS,), generations.fold),
    Projection(
        "stored_generations",
        1,
        frozenset({CONVERSATION_EVENTS}),
        (STORED_BY_USER, GENERATION_NOTES),
        stored_generations.fold,
    ),
    Projection("usage", 1, frozenset({USAGE_RECORDS}), (USAGE_1,), narrowed(usage.fold, (USAGE, USAGE_1))),
    # 2: as the messages' 2.
    Projection("usage", 2, frozenset({USAGE_RECORDS}), (USAGE,), usage.fold),
    Projection(
        "usage_rollups",
        1,
        frozenset({USAGE_RECORDS}),
        (USAGE_SUMS, USAGE_BILLS),
        usage_rollups.fold,
        counts=True,
    ),
    Projection("embeddings", 1, frozenset({USAGE_RECORDS}), (EMBEDDINGS,), embeddings.fold),
    Projection("accounts", 1, frozenset({ACCOUNT_EVENTS}), (USERS, API_KEYS, KEYS_BY_USER), accounts.fold),
    Projection(
        "identities",
        1,
        frozenset({ACCOUNT_EVENTS}),
        (STANDINGS, MEMBERSHIPS, MEMBERS, ORGANISATIONS, GRANTS, GRANTS_BY_USER),
        identities.fold,
    ),
    Projection(
        "preferences",
        1,
        frozenset({ACCOUNT_EVENTS}),
        (SETTINGS, FOLDERS, SNIPPETS, ACCOUNT_COMMANDS, SESSION_ENDS),
        preferences.fold,
    ),
    Projection(
        "sign_ins",
        1,
        frozenset({ACCOUNT_EVENTS}),
        (PASSWORDS, SIGNED_IN, SIGNED_IN_BY_USER, LINKED, SIGNED_OUT, ONE_TIME_LINKS),
        sign_ins.fold,
    ),
    Projection(
        "conversation_marks",
        1,
        frozenset({ACCOUNT_EVENTS, CONVERSATION_EVENTS}),
        (CONVERSATION_MARKS, MARKED_BY_USER),
        conversation_marks.fold,
    ),
)

ADDED = frozenset({"conversation_marks", "identities", "preferences", "sign_ins", "temporaries", "usage_rollups"})
"""Projections that the release before has not. `up` makes their tables, so an installation that is upgraded without a
stop has none until its next `up`: until then they read as empty."""

TOPICS: tuple[str, ...] = (CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS, ACCOUNT_EVENTS)
Projected = ConversationEvent | Outcome | UsageEntry | AccountEvent
PROJECTED: Family[Projected] = Family(Projected)
"""What may stand in those topics."""
RECORDS: Mapping[str, frozenset[type]] = {topic: frozenset(catalogue()[topic].record_types) for topic in TOPICS}
"""What may stand in each topic; another record there is damage, though it decodes."""


_PROMPTS = frozenset(get_args(PromptKind))
_KINDS = frozenset(get_args(TurnKind))


def names() -> tuple[str, ...]:
    """The projections, each once."""
    return tuple(dict.fromkeys(projection.name for projection in DEFINITIONS))


def defined(name: str, definition: int) -> Projection | None:
    """The projection by this definition, or None if this code has it not."""
    return next((p for p in DEFINITIONS if (p.name, p.definition) == (name, definition)), None)


def newest(name: str) -> Projection:
    """The projection by its newest definition. Raises KeyError for an unknown name."""
    known = [projection for projection in DEFINITIONS if projection.name == name]
    if not known:
        raise KeyError(name)
    return max(known, key=lambda projection: projection.definition)


PROJECTIONS: tuple[Projection, ...] = tuple(newest(name) for name in names())
"""The newest definitions, as they stand in a keyspace in which nothing has been rebuilt: each at version 1."""


def folded(
    projections: tuple[Projection, ...], record: object, position: Position
) -> tuple[list[tuple[int, RowChange]], Unprojectable | None]:
    """What a record changes in those of `projections` that can take it, each change with its projection's version;
    and why another one could not, if any.

    One that cannot keeps none of the others from it: each depends on its own fold alone, and can be rebuilt alone. A
    fold is pure: whatever it raises is the record's fault. Raises NewerValue for a word that only a newer release knows
    in a field that a fold decides on.
    """
    _check_words(record)
    changes: list[tuple[int, RowChange]] = []
    refused: Unprojectable | None = None
    for projection in projections:
        try:
            changes += [(projection.version, change) for change in checked(projection.fold(record, position))]
        except NewerRecord:
            raise
        except (ImpossiblePosition, Unprojectable) as error:
            refused = error if isinstance(error, Unprojectable) else Unprojectable(str(error))
        except Exception as error:
            # The words of an unforeseen error may quote the record.
            refused = Unprojectable(f"{projection.name} cannot fold it: {type(error).__name__}")
    return changes, refused


def _check_words(record: object) -> None:
    if isinstance(record, PromptSubmitted):
        check_word("the prompt's kind", record.kind, _PROMPTS)
    elif isinstance(record, Outcome):
        check_word("the turn's kind", record.turn.kind, _KINDS)


def fold_all(projections: tuple[Projection, ...], record: object, position: Position) -> list[tuple[int, RowChange]]:
    """As `folded`, for records that all can take. Raises Unprojectable."""
    changes, refused = folded(projections, record, position)
    if refused is not None:
        raise refused
    return changes
