"""What an export says of a conversation, whatever its format: its messages one after another, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from api.moving.ports import MovingReads
from projections.conversations.queries import ConversationRow
from projections.feedback.queries import Rating
from projections.messages.rows import MessageRow

PAGE = 100
"""Messages that are read at a time; an export holds no more than these."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A message of a conversation. `number`: counts from 1. `follows`: the number of its parent, None: it begins.

    `version_of`: the number of the first message with the same parent, where this is a later one.
    """

    row: MessageRow
    number: int
    follows: int | None
    version_of: int | None
    rating: Rating | None


@dataclass(slots=True)
class Numbering:
    """The numbers of a conversation's messages, for what refers to earlier ones: ids alone, no text."""

    numbers: dict[str, int] = field(default_factory=dict)
    first_of: dict[str | None, int] = field(default_factory=dict)

    def take(self, row: MessageRow, ratings: Mapping[str, Rating]) -> Exported:
        """The next message."""
        number = len(self.numbers) + 1
        parent = row.parent_message_id
        first = self.first_of.setdefault(parent, number)
        self.numbers[row.message_id] = number
        follows = None if parent is None else self.numbers.get(parent)
        return Exported(row, number, follows, None if first == number else first, ratings.get(row.message_id))


async def pages_of(reads: MovingReads, row: ConversationRow) -> AsyncIterator[list[Exported]]:
    """Its messages of all branches, in their order. Raises StoreUnavailable."""
    numbering = Numbering()
    cursor: str | None = None
    while True:
        page = await reads.messages(row.conversation_id, cursor, PAGE)
        ratings = await reads.ratings(row.conversation_id, [each.message_id for each in page.rows])
        yield [numbering.take(each, ratings) for each in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return
