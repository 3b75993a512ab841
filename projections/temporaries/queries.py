"""What is asked about temporary conversations: which began on a day, and when each was last used."""

from __future__ import annotations

from dataclasses import dataclass

from projections.conversations import queries as conversations
from projections.messages import queries as messages
from projections.reading import Tables

_NAME = "temporaries"
PAGE = 500
_PAGE = f"SELECT conversation_id FROM {{temporaries}} WHERE day = ? AND conversation_id > ? LIMIT {PAGE}"  # noqa: S608 - our own number


@dataclass(frozen=True, slots=True)
class Temporary:
    """A temporary conversation that is there. `used_at_us`: when its newest turn was asked for, or when it began."""

    conversation_id: str
    user_id: str
    used_at_us: int


async def begun_on(tables: Tables, day: int, after: str) -> tuple[str, ...]:
    """At most PAGE ids of temporary conversations that began on a day (since 1970), in their order behind `after`;
    whether or not they are still there."""
    return tuple(row[0] for row in await tables.select(_NAME, _PAGE, (day, after)))


async def temporary(tables: Tables, conversation_id: str) -> Temporary | None:
    """The temporary conversation; None if it is deleted, or not there."""
    row = await conversations.conversation(tables, conversation_id)
    if row is None or not row.temporary:
        return None
    used_at_us = row.updated_at_us
    async for turns in messages.older_turns(tables, conversation_id, None, 1):
        # Another answer to an old prompt is use too.
        used_at_us = max([used_at_us, *(said.created_at_us for turn in turns for said in turn.messages)])
        break
    return Temporary(conversation_id, row.user_id, used_at_us)
