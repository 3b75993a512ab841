"""The caller's generations and their places in the log."""

from __future__ import annotations

from api.consistency.freshness import Freshness
from api.consistency.own_writes import OwnWrites
from api.consistency.ownership import checked_id
from api.http.errors import behind, not_found
from api.turns.ports import GenerationReads
from projections.generations.queries import GenerationRow
from projections.messages.turns import TurnPlace
from projections.order import order_key


async def turn_place_of(
    fresh: Freshness, reads: GenerationReads, user_id: str, generation_id: str
) -> tuple[str, TurnPlace]:
    """The conversation of a generation of the caller's, and where its turn stands.

    Raises ApiError: 404 for unknown ones, others' and deleted ones alike, 503 where the projections are behind.
    """
    checked_id("generation", generation_id)
    shown = await fresh.catch_up(fresh.position)
    row = await reads.generation(generation_id)
    if row is None:
        # It may have begun a moment ago, in this process or another.
        shown = shown and await fresh.up_to_date()
        row = await reads.generation(generation_id)
    if row is None and not shown:
        raise behind()
    if row is None or row.user_id != user_id or _deleted_here(fresh.ports.own_writes, row):
        raise not_found("generation")
    outcome = await reads.outcome(generation_id)
    ended_at_us = None if outcome is None else outcome.ended_at_us
    return row.conversation_id, TurnPlace(order_key(row.cause), generation_id, row.asked_at_us, ended_at_us, row.tail)


def _deleted_here(own_writes: OwnWrites, row: GenerationRow) -> bool:
    """Whether this process knows of a deletion that the projections do not show yet."""
    written = own_writes.find(row.conversation_id)
    return written is not None and written.deleted
