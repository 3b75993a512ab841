"""The places of a conversation's turns in the log: ids, times and offsets, never content."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.generations.queries import generations
from projections.reading import Tables
from schemas.envelope import Position

_NAME = "messages"
_PLACES = (
    "SELECT cause, kind, generation_id, asked_at_us, ended_at_us FROM {messages}"
    " WHERE conversation_id = ? AND cause < ? LIMIT ?"
)
_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class TurnPlace:
    """A turn's command and what came of it. Times are microseconds since 1970 UTC; `ended_at_us` None: it runs.

    `cause`: the command's order key. `tail`: a lower bound of its generation's records in token-chunks; None where the
    generation is not known yet.
    """

    cause: int
    generation_id: str
    asked_at_us: int
    ended_at_us: int | None
    tail: Position | None


async def turn_places(tables: Tables, conversation_id: str, before: int | None, limit: int) -> list[TurnPlace]:
    """At most `limit` turns before an order key (None: from the newest), newest first; fewer: there are no more."""
    found: list[Row] = []
    key = _NEWEST if before is None else before
    while (wanted := limit - len(found)) > 0:
        rows = await tables.select(_NAME, _PLACES, (conversation_id, key, wanted))
        # Others have no turn: appended messages, and an outcome whose command is not there yet.
        found += [row for row in rows if row[1] in ("prompt", "regenerate")]
        if len(rows) < wanted:
            break
        key = rows[-1][0]
    known = {row.generation_id: row.tail for row in await generations(tables, [row[2] for row in found])}
    return [
        TurnPlace(cause, generation_id, asked_at_us, ended_at_us, known.get(generation_id))
        for cause, _, generation_id, asked_at_us, ended_at_us in found
    ]
