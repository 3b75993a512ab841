"""Answers as they are shown again whole: what was asked for, how, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.cassandra.concurrently import run_concurrently
from projections.conversations import queries as conversations
from projections.generations import queries as generations
from projections.generations.queries import GenerationRow
from projections.messages import queries as messages
from projections.messages.commands import command_of
from projections.order import turn_key
from projections.reading import Tables
from projections.stored_generations.queries import Order, StoredPlace, changed_metadata, stored_places
from schemas.envelope import Content
from schemas.outcome import Outcome
from schemas.turns import UserCommand

MAX_PAGE = 100
MAX_LOOKED_AT = 1000
"""Kept answers that one page looks at: with a filter that few of them pass, a page may be short."""
_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGeneration:
    """An answer and its command. `metadata`: as it is now. `outcomes`: of each choice in order, None while it runs.
    `prompt_is_deleted`: nobody is shown or told the messages that it answers.

    What it follows: `command.parent_message_id` of a prompt, `command.prompt_message_id` of another answer to one; an
    answer's message id is its generation's.
    """

    row: GenerationRow
    command: UserCommand
    metadata: Content | None
    outcomes: tuple[Outcome | None, ...]
    prompt_is_deleted: bool = False

    @property
    def outcome(self) -> Outcome | None:
        """How this answer ended; None: it runs."""
        return self.outcomes[self.row.asked.choice]


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Kept answers. `next_after`: what the next page is asked for with; None: there are no more."""

    items: tuple[StoredGeneration, ...]
    next_after: str | None


async def stored_generation(tables: Tables, user_id: str, generation_id: str) -> StoredGeneration | None:
    """An answer of this user; None: there is none, it is deleted, or a stateless one that was not to be kept."""
    row = await generations.generation(tables, generation_id)
    return None if row is None or row.user_id != user_id else await _whole(tables, row)


async def stored_generations(
    tables: Tables,
    user_id: str,
    surface: str,
    *,
    after: str | None = None,
    order: Order = "desc",
    limit: int = 20,
    model: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> StoredPage | None:
    """Answers that the user asked for by this surface with `store`, the newest first (`asc`: the oldest).

    `after`: the answer before the first. `model`, `metadata`: only those of this model, that have all these notes.
    Several answers to one command are one: the first, with the outcomes of all. None: `after` is none of the user's.
    """
    limit = max(1, min(limit, MAX_PAGE))
    place: tuple[int, str] | None = None
    if after is not None:
        last = await generations.generation(tables, after)
        if last is None or last.user_id != user_id or not last.asked.store:
            return None
        place = last.asked_at_us, after
    found: list[StoredGeneration] = []
    looked_at = 0
    while looked_at < MAX_LOOKED_AT:
        places = await stored_places(tables, user_id, surface, place, order, max(_AT_ONCE, limit + 1))
        for one in await _of_places(tables, [each for each in places if model is None or each.model == model]):
            if not _has(one.metadata, metadata):
                continue
            if len(found) == limit:
                return StoredPage(tuple(found), found[-1].row.generation_id)
            found.append(one)
        if len(places) < max(_AT_ONCE, limit + 1):
            return StoredPage(tuple(found), None)
        looked_at += len(places)
        place = places[-1].at_us, places[-1].generation_id
    return StoredPage(tuple(found), places[-1].generation_id)


async def _of_places(tables: Tables, places: Sequence[StoredPlace]) -> list[StoredGeneration]:
    rows = {row.generation_id: row for row in await generations.generations(tables, [p.generation_id for p in places])}
    # A repeated command has a place of its own, that counts nothing.
    there = [row for p in places if (row := rows.get(p.generation_id)) is not None and row.asked_at_us == p.at_us]
    found: list[StoredGeneration] = []
    for start in range(0, len(there), _AT_ONCE):
        some = await run_concurrently(*(_whole(tables, row) for row in there[start : start + _AT_ONCE]))
        found += [one for one in some if one is not None]
    return found


async def _whole(tables: Tables, row: GenerationRow) -> StoredGeneration | None:
    if row.kind in ("title", "compaction") or (row.kind == "stateless" and not row.asked.store):
        return None
    command = await command_of(tables, row)
    if command is None or (await conversations.changed(tables, row.conversation_id))[1]:
        return None
    hidden = (await messages.hidden_in(tables, row.conversation_id)).shown
    if row.generation_id in hidden:
        return None
    keys = [turn_key(row.cause, choice) for choice in range(row.asked.choices)]
    outcomes = await run_concurrently(*(messages.outcome(tables, row.conversation_id, key) for key in keys))
    changed = await changed_metadata(tables, row.conversation_id, row.generation_id)
    said = None if command.request is None else command.request.metadata
    return StoredGeneration(
        row=row,
        command=command,
        metadata=said if changed is None else changed,
        outcomes=tuple(outcomes),
        prompt_is_deleted=row.message_id in hidden,
    )


def _has(metadata: Content | None, wanted: Mapping[str, str] | None) -> bool:
    if not wanted:
        return True
    try:
        there = json.loads(metadata) if isinstance(metadata, str) else {}
    except ValueError:
        there = {}
    return isinstance(there, dict) and all(there.get(name) == value for name, value in wanted.items())
