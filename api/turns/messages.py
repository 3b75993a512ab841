"""/api/v1/conversations/{id}/messages: say something, read what was said, ask again, rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Caller
from api.access.key_cache import Principal
from api.consistency.position_tokens import HEADER
from api.consistency.reading import Conversation, conversation_of
from api.conversations.routes import Cursor, Limit
from api.conversations.shapes import message_json
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, CommandBody, read_body
from api.http.errors import bad_request, not_found
from api.http.request_hash import request_hash
from api.parts import Parts, parts_of
from api.turns.commanding import REPLAYED_HEADER, IdempotencyKey, envelope, idempotency_key, send
from api.turns.generations import event_stream
from api.turns.openings import Opened, begin, find_repeat
from api.turns.parents import parent_of, settled_message
from api.turns.prompting import SERVICE_CLASS, TIER, check_context, deadline_us, required_text
from api.turns.settling import Keyed, is_repeat, settle
from infra.clock import monotonic_s
from infra.models.catalogue import ModelSpec
from projections.commands.queries import CommandRow
from schemas import ids
from schemas.conversation import ChatMessage, FeedbackGiven, PromptSubmitted, RegenerateRequested, Sampling
from schemas.envelope import Position
from schemas.turns import Command
from topics.catalogue import CONVERSATION_EVENTS

Rating = Literal["up", "down", "none"]
router = APIRouter(prefix="/api/v1/conversations/{conversation_id}/messages", tags=["messages"])


class SendMessage(CommandBody):
    """`parent_message_id`: the answer this prompt follows; left out: the newest; "root": none, a new beginning."""

    content: str
    parent_message_id: str | None = Field(default=None, min_length=1, max_length=100)
    model: str | None = Field(default=None, min_length=1, max_length=200)


class Regenerate(CommandBody):
    model: str | None = Field(default=None, min_length=1, max_length=200)


class GiveFeedback(ApiBody):
    rating: Rating
    comment: str | None = Field(default=None, max_length=10_000)


@router.post("", openapi_extra=openapi_body(SendMessage))
async def send_message(request: Request, caller: Caller, conversation_id: str) -> Response:
    """Say something; the answer is a stream of server-sent events. With an Idempotency-Key, a retry joins the
    same stream."""
    arrived_s = monotonic_s()
    parts = parts_of(request)
    body = await read_body(request, SendMessage, parts.settings.max_body_bytes)
    required_text(body.content, "content")
    key = idempotency_key(request, body.request_id)
    conversation = await conversation_of(request, parts, caller, conversation_id, row_needed=False)
    message_id = ids.message_id(caller.user_id, conversation_id, key.value)
    asked = request_hash("message", body.asked())
    known = await _repeat(parts, caller, message_id, asked, key)
    if known is not None:
        return event_stream(parts, caller, known)
    spec = _model(parts, body.model, conversation)
    prompt_tokens = await check_context(spec, [ChatMessage("user", body.content)], "content")
    generation_id = ids.generation_id(message_id)
    parent = await parent_of(request, parts, conversation, body.parent_message_id, generation_id)
    if parent == generation_id:
        # A request with the same key came first while this one looked around; whichever is first in the log counts.
        known = await _repeat(parts, caller, message_id, asked, key)
        if known is not None:
            return event_stream(parts, caller, known)
        parent = None

    def prompt(tail: Position) -> Command:
        return PromptSubmitted(
            envelope=envelope(request, caller, message_id, "PromptSubmitted"),
            conversation_id=conversation_id,
            user_id=caller.user_id,
            message_id=message_id,
            generation_id=generation_id,
            parent_message_id=parent,
            kind="chat",
            content=body.content,
            messages=(),
            attachments=(),
            model=spec.id,
            sampling=Sampling(),
            service_class=SERVICE_CLASS,
            tier=TIER,
            tail=tail,
            request_hash=asked,
            idempotency_key=key.value if key.given else None,
            deadline_at_us=deadline_us(spec),
            prompt_tokens=prompt_tokens,
            price=spec.price,
            account=caller.user_id,
            model_version=spec.version,
        )

    return await _answer(parts, caller, conversation_id, message_id, spec, prompt, key, arrived_s)


@router.post("/{message_id}/regenerate", openapi_extra=openapi_body(Regenerate, required=False))
async def regenerate(request: Request, caller: Caller, conversation_id: str, message_id: str) -> Response:
    """Another answer beside those there are. `message_id` names a prompt, or one of its answers."""
    arrived_s = monotonic_s()
    parts = parts_of(request)
    body = await read_body(request, Regenerate, parts.settings.max_body_bytes, empty_is_object=True)
    key = idempotency_key(request, body.request_id)
    conversation = await conversation_of(request, parts, caller, conversation_id, row_needed=False)
    command_id = ids.message_id(caller.user_id, conversation_id, key.value)
    asked = request_hash("regenerate", {"message_id": message_id, **body.asked()})
    known = await _repeat(parts, caller, command_id, asked, key)
    if known is not None:
        return event_stream(parts, caller, known)
    row = await settled_message(request, parts, conversation, message_id)
    prompt_id = row.message_id if row.role == "user" else row.parent_message_id
    if prompt_id is None:
        raise bad_request("This message answers no prompt.", param="message_id")
    spec = _model(parts, body.model or row.model, conversation)

    def command(tail: Position) -> Command:
        return RegenerateRequested(
            envelope=envelope(request, caller, command_id, "RegenerateRequested"),
            conversation_id=conversation_id,
            user_id=caller.user_id,
            message_id=command_id,
            generation_id=ids.generation_id(command_id),
            prompt_message_id=prompt_id,
            model=spec.id,
            sampling=Sampling(),
            service_class=SERVICE_CLASS,
            tier=TIER,
            tail=tail,
            request_hash=asked,
            idempotency_key=key.value if key.given else None,
            deadline_at_us=deadline_us(spec),
            price=spec.price,
            account=caller.user_id,
            model_version=spec.version,
        )

    return await _answer(parts, caller, conversation_id, command_id, spec, command, key, arrived_s)


@router.get("")
async def list_messages(
    request: Request, caller: Caller, conversation_id: str, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The conversation's messages in order; `parentMessageId` makes the tree."""
    parts = parts_of(request)
    await conversation_of(request, parts, caller, conversation_id)
    try:
        page = await parts.reads.messages(conversation_id, cursor, limit)
    except ValueError:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None
    ratings = await parts.reads.ratings(conversation_id, [row.message_id for row in page.rows])
    shown = [message_json(row, ratings.get(row.message_id)) for row in page.rows]
    return json_answer({"data": shown, "nextCursor": page.next_cursor})


@router.post("/{message_id}/feedback", status_code=204, openapi_extra=openapi_body(GiveFeedback))
async def give_feedback(request: Request, caller: Caller, conversation_id: str, message_id: str) -> Response:
    """Rate an answer; the last rating counts."""
    parts = parts_of(request)
    body = await read_body(request, GiveFeedback, parts.settings.max_body_bytes)
    conversation = await conversation_of(request, parts, caller, conversation_id)
    row = await settled_message(request, parts, conversation, message_id)
    if row.role != "assistant":
        raise not_found("answer")
    key = idempotency_key(request)
    given = envelope(request, caller, f"{message_id}/{key.value}", "FeedbackGiven")
    command = Keyed(conversation_id, given.event_id, request_hash("feedback", body.model_dump()), key)
    if await is_repeat(request, parts, command):
        return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    event = FeedbackGiven(
        given,
        conversation_id,
        caller.user_id,
        message_id,
        body.rating,
        body.comment,
        command.hash_to_write,
    )
    at = await send(parts, CONVERSATION_EVENTS, conversation_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(given, event_id=ids.event_id(given.event_id, "FeedbackGiven"))
        rating = cast("Rating", first.rating or "none")
        again = FeedbackGiven(said_again, conversation_id, caller.user_id, message_id, rating, first.comment)
        await send(parts, CONVERSATION_EVENTS, conversation_id, again, key)

    await settle(parts, command, at, restore)
    token = parts.own_writes.wrote(conversation_id, caller.user_id, at)
    return Response(status_code=204, headers={HEADER: str(token)})


async def _repeat(parts: Parts, caller: Principal, command_id: str, asked: str, key: IdempotencyKey) -> Opened | None:
    return await find_repeat(parts, caller, ids.generation_id(command_id), asked) if key.given else None


async def _answer(
    parts: Parts, caller: Principal, conversation_id: str, command_id: str, spec: ModelSpec,
    make: Callable[[Position], Command], key: IdempotencyKey, arrived_s: float,
) -> Response:  # fmt: skip
    opened = await begin(
        parts,
        make,
        ids.generation_id(command_id),
        conversation_id,
        caller.user_id,
        key.value,
        keyed=key.given,
    )
    return event_stream(parts, caller, opened, arrived_s=arrived_s)


def _model(parts: Parts, asked: str | None, conversation: Conversation) -> ModelSpec:
    """The model of a turn: the request's, else the conversation's, else the default. Raises ModelNotFound."""
    name = asked or conversation.model
    return parts.models.default_model if name is None else parts.models.get(name)
