"""The caller's generations, and where in the log they stand."""

from __future__ import annotations

from fastapi import Request

from api.access.key_cache import Principal
from api.consistency.reading import catch_up, checked_id, token_from, up_to_date
from api.http.errors import behind, not_found
from api.parts import Parts
from projections.generations.queries import GenerationRow
from projections.messages.turns import TurnPlace
from projections.order import order_key


async def turn_place_of(request: Request, parts: Parts, caller: Principal, generation_id: str) -> tuple[str, TurnPlace]:
    """The conversation of a generation of the caller's, and where its turn stands.

    Raises ApiError: 404 for unknown ones, others' and deleted ones alike, 503 where the projections are behind.
    """
    checked_id("generation", generation_id)
    shown = await catch_up(request, parts, token_from(request))
    row = await parts.reads.generation(generation_id)
    if row is None:
        # It may have begun a moment ago, in this process or another.
        shown = shown and await up_to_date(request, parts)
        row = await parts.reads.generation(generation_id)
    if row is None and not shown:
        raise behind()
    if row is None or row.user_id != caller.user_id or _deleted_here(parts, row):
        raise not_found("generation")
    outcome = await parts.reads.outcome(generation_id)
    ended_at_us = None if outcome is None else outcome.ended_at_us
    return row.conversation_id, TurnPlace(order_key(row.cause), generation_id, row.asked_at_us, ended_at_us, row.tail)


def _deleted_here(parts: Parts, row: GenerationRow) -> bool:
    """Whether this process knows of a deletion that the projections do not show yet."""
    written = parts.own_writes.find(row.conversation_id)
    return written is not None and written.deleted
