"""Messages and answers that their user deleted one by one.

Each has a row in message_places under a key that no message has, so that one short read tells all of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from projections.messages.table import MESSAGE_PLACES
from projections.order import last_wins
from projections.rows import Put
from schemas.conversation import GenerationDeleted, MessageDeleted
from schemas.envelope import Position

MAX_HIDDEN = 20_000
"""Of one conversation; those beyond are shown."""
MARK, ABOVE = "~", "\x7f"
"""What the keys of these rows begin with, and what sorts above them all."""
_ANSWER, _MESSAGE = "~answer:", "~message:"


@dataclass(frozen=True, slots=True)
class Hidden:
    """`shown`: ids that no reader is shown. `told`: those of them that no engine is told of either."""

    shown: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()


NOTHING = Hidden()


def hiding(record: GenerationDeleted | MessageDeleted, position: Position) -> Put:
    """The row of what a record hides."""
    if isinstance(record, MessageDeleted):
        key, role = _MESSAGE + record.message_id, "message"
    else:
        key, role = _ANSWER + record.generation_id, "answer"
    return Put(MESSAGE_PLACES, (record.conversation_id, key), {"role": role}, last_wins(position))


def keys_hiding(message_id: str) -> tuple[str, str]:
    """The keys of the rows that hide this message or answer, where there are any."""
    return _ANSWER + message_id, _MESSAGE + message_id


def hidden_of(keys: Iterable[str]) -> Hidden:
    """What the keys of a conversation's rows in message_places say is hidden; other keys say nothing."""
    told, answers = set(), set()
    for key in keys:
        if key.startswith(_MESSAGE):
            told.add(key.removeprefix(_MESSAGE))
        elif key.startswith(_ANSWER):
            answers.add(key.removeprefix(_ANSWER))
    return Hidden(frozenset(told | answers), frozenset(told)) if told or answers else NOTHING
