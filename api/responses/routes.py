"""/v1/responses: create, retrieve, resume, cancel, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.access.auth import AnswerCaller, AskCaller, WriteCaller, author_of
from api.access.principal import Principal
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.upgrading import check_written
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError, bad_request
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.openai.leaving import KEYED_GRACE_S, abandoning
from api.responses.creating import Creating
from api.responses.frames import ResponseFrames, number_of_events
from api.responses.items import items_of
from api.responses.listing import MAX_PAGE, page_of
from api.responses.parameters import parameters_of
from api.responses.ports import Responses
from api.responses.requests import Asked, CreateResponse
from api.responses.shapes import Parameters, generation_of
from api.responses.shapes import response_id as id_of
from api.responses.whole import WholeResponse, as_it_stands, json_response, refusal
from api.streaming.sse import EventStream
from api.streaming.waiting import ended_within
from api.turns.answering import news_of
from api.turns.cancelling import cancel
from api.turns.images import MAX_IMAGES_BYTES
from api.turns.joining import Opened, find
from api.turns.ports import Turns
from infra.clock import monotonic_s
from projections.stored import StoredGeneration
from schemas.conversation import ChatMessage, GenerationDeleted, PromptSubmitted
from topics.catalogue import CONVERSATION_EVENTS

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post("", openapi_extra=openapi_body(CreateResponse))
async def create_response(
    request: Request, caller: AskCaller, bodies: BodyReader, fresh: Fresh, turns: Turns, responses: Responses
) -> Response:
    """Create a response: at once, streamed, or in the background."""
    arrived_s = monotonic_s()
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    asked = await bodies.read_as(request, CreateResponse, Asked.of, images_bytes=images_bytes)
    key, author = idempotency_key(request), author_of(request, caller)
    created = await Creating(fresh, turns, responses, author, key).create(asked)
    opened, shown = created.opened, created.parameters
    headers = {REPLAYED_HEADER: "true"} if opened.replayed else {}
    if opened.position is not None:
        headers[POSITION_HEADER] = str(opened.position)
    on_leave: Callable[[], Awaitable[None]] | None = None
    if not shown.background:
        grace_s = max(turns.grace_s, KEYED_GRACE_S if key.given else 0.0)
        on_leave = abandoning(turns.ask, author, opened, grace_s)
    if asked.stream:
        return EventStream(
            opened.source,
            ResponseFrames(shown),
            turns.readers,
            caller.credential,
            opened.release,
            refuse=refusal,
            on_leave=on_leave,
            headers=headers,
            arrived_s=arrived_s,
            news=news_of(turns, opened.turn.model, comment=True),
        )
    if shown.background:
        try:
            return json_response(as_it_stands(opened, shown), headers)
        finally:
            opened.release()
    return WholeResponse(
        turns.readers, caller, opened, lambda: as_it_stands(opened, shown), on_leave, headers, arrived_s
    )


@router.get("/{response_id}")
async def retrieve_response(
    request: Request,
    caller: AnswerCaller,
    response_id: str,
    fresh: Fresh,
    turns: Turns,
    responses: Responses,
    stream: Annotated[bool, Query()] = False,
    starting_after: Annotated[int | None, Query(ge=-1, le=2**31 - 1)] = None,
) -> Response:
    """Retrieve a response; with `stream`, its events again, or those after number `starting_after`: the same bytes at
    any age."""
    if starting_after is not None and not stream:
        raise bad_request("'starting_after' is only allowed with 'stream'.", param="starting_after")
    creating = Creating(fresh, turns, responses, author_of(request, caller), idempotency_key(request))
    opened, shown, _ = await _found(creating, turns, caller, response_id)
    if not stream:
        try:
            return json_response(as_it_stands(opened, shown))
        finally:
            opened.release()
    after = -1 if starting_after is None else starting_after
    if opened.source.ending is not None:
        last = number_of_events(opened.turn, shown, opened.source.pieces, opened.source.ending) - 1
        if after > last:
            opened.release()
            raise bad_request(
                f"Invalid value for 'starting_after': the last event is number {last}.", param="starting_after"
            )
    frames = ResponseFrames(shown, after)
    news = news_of(turns, opened.turn.model, comment=True)
    return EventStream(opened.source, frames, turns.readers, caller.credential, opened.release, news=news)


@router.delete("/{response_id}")
async def delete_response(
    request: Request, caller: WriteCaller, response_id: str, fresh: Fresh, turns: Turns, responses: Responses
) -> Response:
    """Delete a response: it is shown nowhere any more. What follows it stays."""
    key, author = idempotency_key(request), author_of(request, caller)
    stored = await _stored(Creating(fresh, turns, responses, author, key), response_id)
    check_written("responses")
    row = stored.row
    event = GenerationDeleted(
        envelope=author.envelope(row.generation_id, "GenerationDeleted"),
        conversation_id=row.conversation_id,
        user_id=author.user_id,
        generation_id=row.generation_id,
    )
    at = await send(turns.ask.log, CONVERSATION_EVENTS, row.conversation_id, event, key)
    token = turns.ask.own_writes.wrote(row.conversation_id, author.user_id, at)
    answer = {"id": id_of(row.generation_id), "object": "response", "deleted": True}
    return json_response(answer, {POSITION_HEADER: str(token)})


@router.post("/{response_id}/cancel")
async def cancel_response(
    request: Request, caller: AskCaller, response_id: str, fresh: Fresh, turns: Turns, responses: Responses
) -> Response:
    """End a response in the background. One that has ended keeps its end."""
    author = author_of(request, caller)
    creating = Creating(fresh, turns, responses, author, idempotency_key(request))
    opened, shown, _ = await _found(creating, turns, caller, response_id)
    try:
        if not shown.background:
            raise bad_request("Cannot cancel a synchronous response.", param="response_id")
        if opened.source.ending is None:
            await cancel(turns.ask.log, author, opened, None)
            await ended_within(opened.source, turns.wait_s)
        return json_response(as_it_stands(opened, shown))
    finally:
        opened.release()


@router.get("/{response_id}/input_items")
async def list_input_items(
    request: Request,
    caller: AnswerCaller,
    response_id: str,
    fresh: Fresh,
    turns: Turns,
    responses: Responses,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
) -> Response:
    """The input items of a response, the last one first."""
    stored = await _stored(
        Creating(fresh, turns, responses, author_of(request, caller), idempotency_key(request)), response_id
    )
    items = items_of(_messages(stored), stored.row.message_id)
    return json_response(page_of(items if order == "asc" else items[::-1], after, limit))


async def _found(
    creating: Creating, turns: Turns, caller: Principal, identity: str
) -> tuple[Opened, Parameters, StoredGeneration]:
    """A stored response, to be read. Raises ApiError 404: the same for unknown ones, others', deleted and unstored."""
    stored = await _stored(creating, identity)
    command = stored.command
    opened = await find(turns.streams, caller.user_id, stored.row.generation_id)
    if opened is None:
        raise _not_found(identity)
    shown = parameters_of(command.model, command.envelope.occurred_at_us, command.request, command.sampling)
    return opened, shown, stored


async def _stored(creating: Creating, identity: str) -> StoredGeneration:
    generation = generation_of(identity)
    stored = None if generation is None else await creating.places.stored(generation)
    if stored is None:
        raise _not_found(identity)
    return stored


def _not_found(identity: str) -> ApiError:
    shown = identity if len(identity) <= 80 else identity[:80] + "…"
    return ApiError(404, f"Response with id '{shown}' not found.", code="not_found", param="response_id")


def _messages(stored: StoredGeneration) -> tuple[ChatMessage, ...]:
    """The messages of the prompt that is answered; none that were deleted."""
    command = stored.command
    if stored.prompt_is_deleted or not isinstance(command, PromptSubmitted):
        return ()
    return command.messages if command.content is None else (ChatMessage("user", command.content),)
