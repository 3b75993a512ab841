"""/api/v1/generations: resume a stream, read a state, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access.auth import AnswerCaller, AskCaller, author_of
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import checked_id
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import bad_request, behind, not_found
from api.http.headers import LAST_EVENT_ID_HEADER, POSITION_HEADER
from api.streaming.sources import Source
from api.streaming.waiting import ended_within, grown_within
from api.turns.answering import event_stream, newest_frame, state_json
from api.turns.cancelling import cancel
from api.turns.joining import Opened, find
from api.turns.ports import StreamPorts, Turns

router = APIRouter(prefix="/api/v1/generations/{generation_id}", tags=["generations"])

_MAX_DIGITS = 9


class CancelGeneration(ApiBody):
    """`seen`: the last frame the caller had seen."""

    seen: int | None = Field(default=None, ge=-1, le=2_000_000_000)


@router.get("/stream")
async def resume_stream(
    request: Request,
    caller: AnswerCaller,
    generation_id: str,
    fresh: Fresh,
    turns: Turns,
    after: Annotated[str | None, Query(json_schema_extra={"maxLength": 200})] = None,
) -> Response:
    """The frames after `Last-Event-ID` (or `?after=`), then live ones, to the end: the same bytes at any age."""
    position = _asked_position(request)
    opened = await _found(fresh, turns.streams, caller.user_id, generation_id)
    try:
        return event_stream(turns, caller, opened, after=await _position(opened.source, position, turns.wait_s))
    except BaseException:
        opened.release()
        raise


@router.get("")
async def get_generation(caller: AnswerCaller, generation_id: str, fresh: Fresh, turns: Turns) -> Response:
    """The state of the generation."""
    opened = await _found(fresh, turns.streams, caller.user_id, generation_id)
    try:
        return json_answer(state_json(opened))
    finally:
        opened.release()


@router.post("/cancel", openapi_extra=openapi_body(CancelGeneration, required=False))
async def cancel_generation(
    request: Request, caller: AskCaller, generation_id: str, bodies: BodyReader, fresh: Fresh, turns: Turns
) -> Response:
    """End it. What was accepted is kept; one that ended already keeps its end. Answers its true state."""
    body = await bodies.read(request, CancelGeneration, empty_is_object=True)
    opened = await _found(fresh, turns.streams, caller.user_id, generation_id)
    try:
        if opened.source.ending is None:
            await cancel(turns.ask.log, author_of(request, caller), opened, body.seen)
            await ended_within(opened.source, turns.wait_s)
        headers = {POSITION_HEADER: f"generation/{generation_id}"} if opened.source.ending is not None else {}
        return json_answer(state_json(opened), 200 if opened.source.ending is not None else 202, headers)
    finally:
        opened.release()


async def _found(fresh: Freshness, streams: StreamPorts, user_id: str, generation_id: str) -> Opened:
    """The caller's generation. Raises ApiError 404: the same for unknown ones, others' and deleted ones."""
    checked_id("generation", generation_id)
    shown = True
    if streams.hub.by_generation(generation_id) is None:
        shown = await fresh.catch_up(fresh.position)
    opened = await find(streams, user_id, generation_id)
    if opened is None:
        # It may have begun a moment ago, in a process that is gone.
        shown = shown and await fresh.up_to_date()
        opened = await find(streams, user_id, generation_id)
    if opened is None:
        raise not_found("generation") if shown else behind()
    written = fresh.ports.own_writes.find(opened.turn.conversation_id)
    if written is not None and written.deleted:
        opened.release()
        raise not_found("generation")
    return opened


def _asked_position(request: Request) -> str | None:
    """The one position a request states, by header or query; None: it states none. Raises ApiError 400 for several."""
    by_header, by_query = request.headers.getlist(LAST_EVENT_ID_HEADER), request.query_params.getlist("after")
    given = {*by_header, *by_query}
    if len(by_header) > 1 or len(by_query) > 1 or len(given) > 1:
        raise bad_request(
            f"Send exactly one position: {LAST_EVENT_ID_HEADER} or after.",
            code="invalid_position",
            param=LAST_EVENT_ID_HEADER,
        )
    return given.pop() if given else None


async def _position(source: Source, given: str | None, wait_s: float) -> int:
    """The frame a client saw last; -1: none. Raises ApiError 400 with the range there is."""
    if given is None:
        return -1
    after = int(given) if given.isascii() and given.isdigit() and len(given) <= _MAX_DIGITS else None
    if after is not None and after > newest_frame(source):
        # Another process of ours may have shown a frame that is still on its way to this one.
        await grown_within(source, wait_s, lambda: newest_frame(source) >= after)
    if after is None or after > newest_frame(source):
        newest = newest_frame(source)
        there = f"the stream can be resumed from 0 to {newest}" if newest >= 0 else "the stream has no frames yet"
        raise bad_request(
            f"Invalid position: {there}. Without a position the whole stream is sent.",
            code="invalid_position",
            param=LAST_EVENT_ID_HEADER,
        )
    return after
