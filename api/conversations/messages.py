"""/api/v1/conversations/{id}/messages: list and rate messages. New prompts: api/turns/messages.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import ReadCaller, WriteCaller, author_of
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.ownership import conversation_of
from api.consistency.ports import Commands
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from api.conversations.ports import Conversations
from api.conversations.shapes import message_json
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import bad_request, not_found
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.http.paging import Cursor, Limit
from api.turns.parents import settled_message
from api.turns.ports import Turns
from projections.commands.queries import CommandRow
from schemas import ids
from schemas.conversation import FeedbackGiven
from topics.catalogue import CONVERSATION_EVENTS

Rating = Literal["up", "down", "none"]
router = APIRouter(prefix="/api/v1/conversations/{conversation_id}/messages", tags=["messages"])


class GiveFeedback(ApiBody):
    rating: Rating
    comment: str | None = Field(default=None, max_length=10_000)


@router.get("")
async def list_messages(
    caller: ReadCaller,
    conversation_id: str,
    fresh: Fresh,
    conversations: Conversations,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The conversation's messages in order; `parentMessageId` makes the tree."""
    reads = conversations.reads
    await conversation_of(fresh, caller.user_id, conversation_id)
    try:
        page = await reads.messages(conversation_id, cursor, limit)
    except ValueError:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None
    ratings = await reads.ratings(conversation_id, [row.message_id for row in page.rows])
    shown = [message_json(row, ratings.get(row.message_id)) for row in page.rows]
    return json_answer({"data": shown, "nextCursor": page.next_cursor})


@router.post("/{message_id}/feedback", status_code=204, openapi_extra=openapi_body(GiveFeedback))
async def give_feedback(
    request: Request,
    caller: WriteCaller,
    conversation_id: str,
    message_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    turns: Turns,
    commands: Commands,
) -> Response:
    """Rate an answer; the last rating counts."""
    body = await bodies.read(request, GiveFeedback)
    conversation = await conversation_of(fresh, caller.user_id, conversation_id)
    row = await settled_message(fresh, turns.messages, conversation, message_id)
    if row.role != "assistant":
        raise not_found("answer")
    key = idempotency_key(request)
    given = author_of(request, caller).envelope(f"{message_id}/{key.value}", "FeedbackGiven")
    command = Keyed(conversation_id, given.event_id, request_hash("feedback", body.model_dump()), key)
    if await is_repeat(fresh, commands.reads, command):
        return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    event = FeedbackGiven(
        envelope=given,
        conversation_id=conversation_id,
        user_id=caller.user_id,
        message_id=message_id,
        rating=body.rating,
        comment=body.comment,
        request_hash=command.hash_to_write,
    )
    at = await send(commands.log, CONVERSATION_EVENTS, conversation_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(given, event_id=ids.event_id(given.event_id, "FeedbackGiven"))
        rating = cast("Rating", first.rating or "none")
        again = FeedbackGiven(
            envelope=said_again,
            conversation_id=conversation_id,
            user_id=caller.user_id,
            message_id=message_id,
            rating=rating,
            comment=first.comment,
        )
        await send(commands.log, CONVERSATION_EVENTS, conversation_id, again, key)

    await settle(commands.reads, command, at, restore)
    token = commands.own_writes.wrote(conversation_id, caller.user_id, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})
