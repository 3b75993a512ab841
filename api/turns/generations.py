"""/api/v1/generations: take up a stream again, look at one, cancel it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access.auth import Caller
from api.access.key_cache import Principal
from api.consistency.position_tokens import HEADER
from api.consistency.reading import catch_up, checked_id, token_from, up_to_date
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, read_body
from api.http.errors import bad_request, behind, not_found
from api.parts import Parts, parts_of
from api.streaming.frames import EventFrames, usage_of
from api.streaming.sources import Source, text_of
from api.streaming.sse import EventStream
from api.turns.cancelling import cancel
from api.turns.commanding import REPLAYED_HEADER
from api.turns.openings import Opened, ended_within, find, grown_within

router = APIRouter(prefix="/api/v1/generations/{generation_id}", tags=["generations"])

_LAST_EVENT_ID = "Last-Event-ID"
_MOST_DIGITS = 9


class CancelGeneration(ApiBody):
    """`seen`: the last frame the caller had seen."""

    seen: int | None = Field(default=None, ge=-1, le=2_000_000_000)


@router.get("/stream")
async def resume_stream(
    request: Request, caller: Caller, generation_id: str, after: Annotated[str | None, Query()] = None
) -> Response:
    """The frames after `Last-Event-ID` (or `?after=`), then live ones, to the end: the same bytes at any age."""
    parts = parts_of(request)
    position = _asked_position(request)
    opened = await _found(request, parts, caller, generation_id)
    try:
        return event_stream(parts, caller, opened, after=await _position(parts, opened.source, position))
    except BaseException:
        opened.release()
        raise


@router.get("")
async def get_generation(request: Request, caller: Caller, generation_id: str) -> Response:
    """The state of the generation."""
    opened = await _found(request, parts_of(request), caller, generation_id)
    try:
        return json_answer(_state(opened))
    finally:
        opened.release()


@router.post("/cancel", openapi_extra=openapi_body(CancelGeneration, required=False))
async def cancel_generation(request: Request, caller: Caller, generation_id: str) -> Response:
    """End it. What was accepted is kept; one that ended already keeps its end. Answers its true state."""
    parts = parts_of(request)
    body = await read_body(request, CancelGeneration, parts.settings.max_body_bytes, empty_is_object=True)
    opened = await _found(request, parts, caller, generation_id)
    try:
        if opened.source.ending is None:
            await cancel(request, parts, caller, opened, body.seen)
            await ended_within(opened.source, parts.settings.read_wait_s)
        headers = {HEADER: f"generation/{generation_id}"} if opened.source.ending is not None else {}
        return json_answer(_state(opened), 200 if opened.source.ending is not None else 202, headers)
    finally:
        opened.release()


def event_stream(
    parts: Parts, caller: Principal, opened: Opened, *, after: int = -1, arrived_s: float | None = None
) -> EventStream:
    """The generation in the dialect of /api/v1; it goes on when the client leaves."""
    headers = {}
    source, turn = opened.source, opened.turn
    if opened.position is not None:
        headers[HEADER] = str(opened.position)
    elif source.ending is not None:
        headers[HEADER] = f"generation/{turn.generation_id}"
    if opened.replayed:
        headers[REPLAYED_HEADER] = "true"

    def release() -> None:
        if source.ending is not None:
            parts.own_writes.finished(turn.conversation_id, turn.generation_id)
        opened.release()

    return EventStream(
        source,
        EventFrames(),
        parts.readers,
        caller.key_sha256,
        release,
        after=after,
        headers=headers,
        arrived_s=arrived_s,
    )


async def _found(request: Request, parts: Parts, caller: Principal, generation_id: str) -> Opened:
    """The caller's generation. Raises ApiError 404: the same for unknown ones, others' and deleted ones."""
    checked_id("generation", generation_id)
    shown = True
    if parts.hub.by_generation(generation_id) is None:
        shown = await catch_up(request, parts, token_from(request))
    opened = await find(parts, caller, generation_id)
    if opened is None:
        # It may have begun a moment ago, in a process that is gone.
        shown = shown and await up_to_date(request, parts)
        opened = await find(parts, caller, generation_id)
    if opened is None:
        raise not_found("generation") if shown else behind()
    written = parts.own_writes.find(opened.turn.conversation_id)
    if written is not None and written.deleted:
        opened.release()
        raise not_found("generation")
    return opened


def _asked_position(request: Request) -> str | None:
    """The one position a request states, by header or query; None: it states none. Raises ApiError 400 for several."""
    by_header, by_query = request.headers.getlist(_LAST_EVENT_ID), request.query_params.getlist("after")
    given = {*by_header, *by_query}
    if len(by_header) > 1 or len(by_query) > 1 or len(given) > 1:
        raise bad_request(
            f"Send exactly one position: {_LAST_EVENT_ID} or after.", code="invalid_position", param=_LAST_EVENT_ID
        )
    return given.pop() if given else None


async def _position(parts: Parts, source: Source, given: str | None) -> int:
    """The frame a client saw last; -1: none. Raises ApiError 400 with the range there is."""
    if given is None:
        return -1
    after = int(given) if given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS else None
    if after is not None and after > _newest(source):
        # Another process of ours may have shown a frame that is still on its way to this one.
        await grown_within(source, parts.settings.read_wait_s, lambda: _newest(source) >= after)
    if after is None or after > _newest(source):
        newest = _newest(source)
        there = f"the stream can be resumed from 0 to {newest}" if newest >= 0 else "the stream has no frames yet"
        raise bad_request(
            f"Invalid position: {there}. Without a position the whole stream is sent.",
            code="invalid_position",
            param=_LAST_EVENT_ID,
        )
    return after


def _newest(source: Source) -> int:
    """The last frame there is; -1: none."""
    if source.turn is None:
        return -1
    return len(source.pieces) + (source.ending is not None)


def _state(opened: Opened) -> dict[str, Any]:
    turn, source, ending = opened.turn, opened.source, opened.source.ending
    failure = None if ending is None else ending.failure
    return {
        "id": turn.generation_id,
        "conversationId": turn.conversation_id,
        "model": turn.model,
        "status": "running" if ending is None else ending.status,
        "finishReason": None if ending is None else ending.finish_reason,
        "lastSeq": _newest(source),
        "content": text_of(source),
        "usage": None if ending is None else usage_of(ending.usage),
        "error": None if failure is None else {"code": failure.code, "message": failure.message},
    }
