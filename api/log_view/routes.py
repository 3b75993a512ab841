"""/api/v1/conversations/{id}/events and /api/v1/generations/{id}/timeline: the log behind what a user sees."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.access.auth import Access, ReadCaller, authorise
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import checked_id, row_of
from api.conversations.as_of import history_errors
from api.http.answers import json_answer
from api.http.errors import bad_request, not_found
from api.log_view.asked_cut import AskedAfter, asked_cut, no_cut
from api.log_view.events import event_of, event_types
from api.log_view.following import Following, Watch
from api.log_view.pages import EventPages, of_one_turn
from api.log_view.places import in_order
from api.log_view.ports import LogView, LogViewPorts
from api.log_view.reading import Scope, checked_start, read_span
from api.log_view.timeline import timeline_of
from api.log_view.turn_places import turn_place_of
from api.log_view.wanted import MAX_EVENTS, Wanted, before_of
from api.streaming.pushed import PushedStream
from projections.conversations.queries import ConversationRow
from projections.messages.turns import TurnPlace
from projections.replay.looking_back import Check, LogSource
from topics.catalogue import Catalogue
from topics.cuts import BadCut, Cut

router = APIRouter(prefix="/api/v1", tags=["log"])

Limit = Annotated[int, Query(ge=1, le=MAX_EVENTS)]
Cursor = Annotated[str | None, Query(max_length=500)]
Types = Annotated[str | None, Query(max_length=2000)]


@router.get("/conversations/{conversation_id}/events")
async def list_events(
    caller: ReadCaller,
    conversation_id: str,
    fresh: Fresh,
    view: LogView,
    limit: Limit = 200,
    before: Cursor = None,
    types: Types = None,
    generation: Annotated[str | None, Query(max_length=100)] = None,
    chunks: bool = True,
) -> Response:
    """The events of a conversation as the log holds them: the newest page, or the one before a cursor."""
    try:
        place = None if before is None else before_of(before)
    except ValueError:
        raise bad_request("Invalid value for 'before': take it from nextBefore.", param="before") from None
    wanted_types = None if types is None else _types(view.topics, types)
    row, first, scope = await _scope(fresh, view, caller.user_id, conversation_id)
    turn = None if generation is None else await _turn_in(fresh, view, caller.user_id, conversation_id, generation)
    pages = EventPages(view.places, view.history, scope, first, row.created_at_us // 1000)
    with history_errors():
        return json_answer(await pages.page(Wanted(limit, place, wanted_types, turn, chunks)))


@router.get("/conversations/{conversation_id}/events/stream")
async def stream_events(
    request: Request,
    caller: ReadCaller,
    conversation_id: str,
    access: Access,
    fresh: Fresh,
    view: LogView,
    after: AskedAfter = None,
) -> Response:
    """Stream each new event as it is appended; with `Last-Event-ID` (or `?after=`), first the events after that cut."""
    given = asked_cut(request)
    row, first, scope = await _scope(fresh, view, caller.user_id, conversation_id)
    start: Cut | None = None
    if given is not None:
        begun_ms = row.created_at_us // 1000
        try:
            with history_errors():
                start = await view.history.look(lambda log, check: checked_start(log, scope, given, first, begun_ms))
        except BadCut as error:
            raise no_cut(str(error)) from None
    watch = Watch(conversation_id, caller.user_id)
    try:
        await view.live.join(watch)
        following = Following(view.live, view.history, scope, watch, start)
        await authorise(request, access)  # again: a key that was revoked meanwhile had no stream yet to be ended
    except BaseException:
        view.live.leave(watch)
        raise
    return PushedStream(following, view.readers, caller.credential)


@router.get("/generations/{generation_id}/timeline")
async def get_timeline(caller: ReadCaller, generation_id: str, fresh: Fresh, view: LogView) -> Response:
    """The stages, attempts and chunks of one answer, from the records that made it."""
    conversation_id, turn = await turn_place_of(fresh, view.generations, caller.user_id, generation_id)
    scope = Scope(view.topics, conversation_id, caller.user_id)

    def work(log: LogSource, check: Check) -> dict[str, Any]:
        found = read_span(log, check, scope, of_one_turn(turn))
        return timeline_of(generation_id, (event_of(raw) for _, raw in in_order(found.records, scope.places)))

    with history_errors():
        return json_answer(await view.history.look(work))


async def _scope(
    fresh: Freshness, view: LogViewPorts, user_id: str, conversation_id: str
) -> tuple[ConversationRow, int, Scope]:
    """The caller's conversation, where it begins in the log, and what of the log is its. Raises ApiError 404, 503."""
    row = await row_of(fresh, user_id, conversation_id)
    first = await view.places.begun_at(conversation_id)
    if first is None:
        raise not_found("conversation")
    return row, first, Scope(view.topics, conversation_id, user_id)


async def _turn_in(
    fresh: Freshness, view: LogViewPorts, user_id: str, conversation_id: str, generation_id: str
) -> TurnPlace:
    checked_id("generation", generation_id, "generation")
    its_conversation, turn = await turn_place_of(fresh, view.generations, user_id, generation_id)
    if its_conversation != conversation_id:
        raise not_found("generation", param="generation")
    return turn


def _types(topics: Catalogue, given: str) -> frozenset[str]:
    known = event_types(topics)
    names = [name.strip() for name in given.split(",")]
    for name in names:
        if name not in known:
            shown = f"{name[:60]!r} is not an event type"
            raise bad_request(f"Invalid value for 'types': {shown}. Known types: {', '.join(known)}.", param="types")
    return frozenset(names)
