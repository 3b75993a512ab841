"""A page of a branch: found from ids and parents, then its messages are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from projections.messages.branch import AppendedIds, BranchWalk, TurnIds
from projections.messages.queries import hidden_in
from projections.messages.rows import TURN_SELECTION, MessageRow, messages_of, said_row
from projections.messages.told import ids_from_cell
from projections.reading import Tables

MAX_TURNS = 20_000
"""Branches are looked for among so many turns, the newest; older ones are in the list of messages."""

_NAME = "messages"
_IDS_BEFORE = (
    "SELECT cause, kind, message_id, generation_id, status, prompt_message_id, parent_message_id{+message_ids}"
    " FROM {messages} WHERE conversation_id = ? AND cause < ? LIMIT ?"
)
_TURNS = f"SELECT {TURN_SELECTION} FROM {{messages}} WHERE conversation_id = ? AND cause IN ?"  # noqa: S608 - our columns
_PLACES = "SELECT message_id, cause FROM {message_places} WHERE conversation_id = ? AND message_id IN ?"
_NEWEST = 2**62
_LISTED = frozenset({"prompt", "regenerate", "appended"})
# The page that is requested most is at the end of a straight branch; a reader that goes further goes much further.
_FIRST_TURNS = 64
_MAX_TURNS_AT_ONCE = 4096
_MAX_PLACES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class BranchMessage:
    """A message of a branch. `siblings`: ids of those with the same parent, oldest first, itself among them."""

    row: MessageRow
    siblings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchPage:
    """Messages oldest first. `leaf`: what the branch ends in, None in a conversation without messages.
    `next_before`: what the page before this one is asked for with; None: the branch begins here."""

    messages: tuple[BranchMessage, ...]
    leaf: str | None
    next_before: str | None


async def branch(
    tables: Tables, conversation_id: str, leaf: str | None, through: str | None, before: str | None, limit: int
) -> BranchPage | None:
    """At most `limit` messages of a branch: the last ones, or those before `before`.

    The branch ends in `leaf`; or passes `through` (else `before`) and ends in its newest descendant; or ends in the
    newest message. None: a message that was named is not in the conversation, or not on the branch.
    """
    named = {message_id for message_id in (leaf, through, before) if message_id is not None}
    hidden = await hidden_in(tables, conversation_id)
    if named & hidden.shown or (named and named != set(await places(tables, conversation_id, sorted(named)))):
        return None
    walk = BranchWalk(leaf, through, before, limit, hidden)
    older_than, seen, size = _NEWEST, 0, _FIRST_TURNS
    while not walk.finished:
        rows = await tables.select(_NAME, _IDS_BEFORE, (conversation_id, older_than, size))
        walk.take([_turn_ids(row) for row in await first_commands(tables, conversation_id, rows)])
        seen += len(rows)
        if len(rows) < size or seen >= MAX_TURNS:
            walk.end()
        else:
            older_than, size = rows[-1][0], min(4 * size, _MAX_TURNS_AT_ONCE)
    if not walk.is_there:
        return None
    page = walk.page()
    rows = await tables.select(_NAME, _TURNS, (conversation_id, sorted({placed.cause for placed in page})))
    said = [one for row in rows if (one := said_row(conversation_id, row)) is not None]
    found = {message.message_id: message for message in messages_of(said)}
    # A conversation that was deleted meanwhile has none any more.
    shown = [BranchMessage(found[p.message_id], p.siblings) for p in page if p.message_id in found]
    return BranchPage(tuple(shown), walk.leaf, walk.next_before)


async def places(tables: Tables, conversation_id: str, message_ids: Sequence[str]) -> dict[str, int]:
    """Of those messages that are there, the order key of the first command that made them."""
    found: dict[str, int] = {}
    for start in range(0, len(message_ids), _MAX_PLACES_AT_ONCE):
        some = list(message_ids[start : start + _MAX_PLACES_AT_ONCE])
        rows = await tables.select(_NAME, _PLACES, (conversation_id, some))
        found |= {message_id: cause for message_id, cause in rows if cause is not None}
    return found


async def first_commands(
    tables: Tables, conversation_id: str, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Those rows (cause, kind, message id, generation id, status, …) whose command is there and came first.

    An outcome stands in the row of the first command, so only rows without one are looked up.
    """
    listed = [row for row in rows if row[1] in _LISTED]
    first = await places(tables, conversation_id, [_known_by(row) for row in listed if row[4] is None])
    return [row for row in listed if row[4] is not None or first.get(_known_by(row), row[0]) == row[0]]


def _known_by(row: tuple[Any, ...]) -> str:
    """The id by which a repeated command is known."""
    found: str = row[2] if row[1] == "appended" else row[3]
    return found


def _turn_ids(row: tuple[Any, ...]) -> TurnIds | AppendedIds:
    cause, kind, message_id, generation_id, _, prompt_message_id, parent_message_id, *rest = row
    if kind == "appended":
        return AppendedIds(cause, ids_from_cell(rest[0] if rest else None), parent_message_id or None)
    prompt_id = message_id if kind == "prompt" else None
    return TurnIds(cause, prompt_id, parent_message_id or None, generation_id, prompt_message_id)
