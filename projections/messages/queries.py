"""What readers ask about messages. A deleted conversation has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from infra.cassandra.session import Row
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.messages.hidden import ABOVE, MARK, MAX_HIDDEN, Hidden, hidden_of, keys_hiding
from projections.messages.rows import (
    TURN_SELECTION,
    MessageRow,
    SaidRow,
    TurnRow,
    counting,
    messages_of,
    outcome_from_cells,
    said_row,
)
from projections.reading import Tables
from schemas.outcome import Outcome

_NAME = "messages"
_TURNS_BEFORE = f"SELECT {TURN_SELECTION} FROM {{messages}} WHERE conversation_id = ? AND cause < ? LIMIT ?"  # noqa: S608 - our own columns
_TURNS_AFTER = (
    f"SELECT {TURN_SELECTION} FROM {{messages}} WHERE conversation_id = ? AND cause > ?"  # noqa: S608 - our own columns
    " ORDER BY cause ASC LIMIT ?"
)
_TURN = f"SELECT {TURN_SELECTION} FROM {{messages}} WHERE conversation_id = ? AND cause = ?"  # noqa: S608 - our own columns
_PLACES = "SELECT message_id, cause FROM {message_places} WHERE conversation_id = ? AND message_id IN ?"
_PLACE = "SELECT cause FROM {message_places} WHERE conversation_id = ? AND message_id = ?"
_STANDING = (
    "SELECT message_id, cause, role, ended FROM {message_places} WHERE conversation_id = ? AND message_id > ? LIMIT ?"
)
_HIDDEN = (
    "SELECT message_id FROM {message_places} WHERE conversation_id = ? AND message_id >= ? AND message_id < ? LIMIT ?"
)
_OUTCOME = "SELECT answer, marks, outcome FROM {messages} WHERE conversation_id = ? AND cause = ?"
_STATUS = "SELECT status FROM {messages} WHERE conversation_id = ? AND cause = ?"
_NEWEST = 2**62
_MADE = ("assistant", "title", "compaction")
"""The roles of what models make."""
_PAGE_TURNS = 100
_PLACES_AT_ONCE = 1000
_PLACED_AT_ONCE = 100
MAX_MESSAGES = 1000


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages in the conversation's order. `next_cursor` None: nothing comes after them."""

    rows: tuple[MessageRow, ...]
    next_cursor: str | None


async def older_turns(
    tables: Tables, conversation_id: str, before: int | None = None, page_turns: int = _PAGE_TURNS
) -> AsyncIterator[list[SaidRow]]:
    """Pages of rows before an order key (None: from the newest), newest first, until the conversation's beginning.

    Rows of repeated commands are left out. What is hidden is in them.
    """
    key = _NEWEST if before is None else before
    while True:
        turns = await _turns(tables, _TURNS_BEFORE, conversation_id, key, page_turns)
        if turns:
            yield await _counting(tables, conversation_id, turns)
        if len(turns) < page_turns:
            return
        key = turns[-1].cause


async def messages(tables: Tables, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
    """At most `limit` (and MAX_MESSAGES) messages after `cursor`, oldest first. Raises BadCursor."""
    order, last_shown = (-1, "") if cursor is None else decode_cursor(cursor)
    if cursor is not None and not last_shown:
        raise BadCursor
    # After a prompt the page begins with the same turn's answer, after an appended message with the next of its row.
    from_order = order if last_shown in ("", "assistant") else order - 1
    limit = max(1, min(limit, MAX_MESSAGES))
    hidden = await hidden_in(tables, conversation_id)
    shown: list[MessageRow] = []
    beyond_roles = cursor is not None and last_shown not in ("user", "assistant")
    while True:
        turns = await _turns(tables, _TURNS_AFTER, conversation_id, from_order, limit)
        if beyond_roles and not any(row.cause == order for row in turns[:1]):
            raise BadCursor
        beyond_roles = False
        for row in await _counting(tables, conversation_id, turns):
            shown += messages_of([row if row.cause != order else _after(row, last_shown)], hidden)
        if len(shown) > limit:
            last = shown[limit - 1]
            return MessagePage(tuple(shown[:limit]), encode_cursor(last.order, place_in_row(last)))
        if len(turns) < limit:
            return MessagePage(tuple(shown), None)
        from_order = turns[-1].cause


def place_in_row(message: MessageRow) -> str:
    """What tells a message from the others of its row: its role in a turn, its id among appended ones."""
    return message.message_id if message.appended else message.role


def _after(row: SaidRow, last_shown: str) -> SaidRow:
    """What of a row comes after one of its messages. Raises BadCursor."""
    if isinstance(row, TurnRow):
        if last_shown != "user":
            raise BadCursor
        return replace(row, prompt=None)
    ids = [message.message_id for message in row.messages]
    if last_shown not in ids:
        raise BadCursor
    return replace(row, messages=row.messages[ids.index(last_shown) + 1 :])


async def leaf(tables: Tables, conversation_id: str) -> MessageRow | None:
    """The newest message that is shown: the answer to the last command, mostly. None: there is none."""
    hidden = await hidden_in(tables, conversation_id)
    async for rows in older_turns(tables, conversation_id, page_turns=4):
        for row in rows:
            if found := messages_of([row], hidden):
                return found[-1]
    return None


async def hidden_in(tables: Tables, conversation_id: str) -> Hidden:
    """What of the conversation is hidden."""
    rows = await tables.select(_NAME, _HIDDEN, (conversation_id, MARK, ABOVE, MAX_HIDDEN))
    return hidden_of(key for (key,) in rows)


async def message(tables: Tables, conversation_id: str, message_id: str) -> MessageRow | None:
    """The message of this id in this conversation, or None, also for one that is hidden."""
    keys = [message_id, *keys_hiding(message_id)]
    there: dict[str, int | None] = dict(await tables.select(_NAME, _PLACES, (conversation_id, keys)))
    cause = there.pop(message_id, None)
    if cause is None or there:
        return None
    values = await tables.one(_NAME, _TURN, (conversation_id, cause))
    row = None if values is None else said_row(conversation_id, values)
    found = [] if row is None else [m for m in row.messages if m.message_id == message_id]
    return found[0] if found else None


async def placed(tables: Tables, conversation_id: str, message_ids: Sequence[str]) -> frozenset[str]:
    """Those of the messages that the conversation has, also hidden ones, and before it is shown."""
    found: set[str] = set()
    for start in range(0, len(message_ids), _PLACED_AT_ONCE):
        keys = list(message_ids[start : start + _PLACED_AT_ONCE])
        rows = await tables.select(_NAME, _PLACES, (conversation_id, keys))
        found |= {key for key, cause in rows if cause is not None}
    return frozenset(found)


async def order_of(tables: Tables, conversation_id: str, message_id: str) -> int | None:
    """The order key of a message's turn, or None."""
    values = await tables.one(_NAME, _PLACE, (conversation_id, message_id))
    return None if values is None else values[0]


async def outcome(tables: Tables, conversation_id: str, cause: int) -> Outcome | None:
    """How the generation of this turn key ended: the recorder's own record. None: it has not, or it is erased."""
    values = await tables.one(_NAME, _OUTCOME, (conversation_id, cause))
    # The cells of an outcome are written together; a driver may read an empty one as None.
    if values is None or values[2] is None:
        return None
    return outcome_from_cells(values[0] or "", values[1] or b"", values[2])


async def has_ended(tables: Tables, conversation_id: str, cause: int) -> bool:
    """Whether the outcome of this turn key's generation is there."""
    values = await tables.one(_NAME, _STATUS, (conversation_id, cause))
    return values is not None and values[0] is not None


async def open_generations(tables: Tables, conversation_id: str) -> list[str]:
    """Generations asked for and without an outcome, also those of a conversation that has been deleted."""
    standing: list[str] = []
    last = ""
    while True:
        rows: list[Row] = await tables.select(_NAME, _STANDING, (conversation_id, last, _PLACES_AT_ONCE))
        standing += [key for key, cause, role, ended in rows if cause is not None and role in _MADE and not ended]
        if len(rows) < _PLACES_AT_ONCE:
            return standing
        last = rows[-1][0]


async def _turns(tables: Tables, cql: str, conversation_id: str, key: int, limit: int) -> list[SaidRow]:
    turns: list[SaidRow] = []
    while (wanted := limit - len(turns)) > 0:
        rows = await tables.select(_NAME, cql, (conversation_id, key, wanted))
        turns += [turn for values in rows if (turn := said_row(conversation_id, values)) is not None]
        if len(rows) < wanted:
            break
        key = rows[-1][0]
    return turns


async def _counting(tables: Tables, conversation_id: str, turns: list[SaidRow]) -> list[SaidRow]:
    if not turns:
        return turns
    rows = await tables.select(_NAME, _PLACES, (conversation_id, [turn.first_id for turn in turns]))
    return counting(turns, {key: cause for key, cause in rows if cause is not None})
