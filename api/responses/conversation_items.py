"""/v1/conversations/{id}/items: append, list, retrieve, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access.auth import AnswerCaller, AskCaller, WriteCaller, author_of
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import Conversation
from api.consistency.ports import Commands
from api.consistency.request_hash import request_hash
from api.consistency.upgrading import check_written
from api.conversations.ports import Conversations
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.openai.requests.fields import LenientBody
from api.responses.appending import MAX_APPENDED, Appending, Said
from api.responses.conversations import checked_conversation, found_conversation, found_row, row_shown
from api.responses.listing import MAX_PAGE, Order, item_of, items_page, no_such_item, shown
from api.responses.said import message_behind
from api.responses.whole import json_response
from api.turns.images import MAX_IMAGES_BYTES
from api.turns.parents import settled_message
from api.turns.ports import TurnPorts, Turns
from projections.messages.rows import MessageRow
from schemas.conversation import MessageDeleted
from topics.catalogue import CONVERSATION_EVENTS

router = APIRouter(prefix="/v1/conversations/{conversation_id}/items", tags=["conversations"])


class CreateItems(LenientBody):
    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_APPENDED)]


@router.post("", openapi_extra=openapi_body(CreateItems))
async def create_items(
    request: Request,
    caller: AskCaller,
    conversation_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    turns: Turns,
    commands: Commands,
    conversations: Conversations,
) -> Response:
    """Append up to 20 items after the newest message. No answer is asked for."""
    check_written("items")
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    said = await bodies.read_as(request, CreateItems, lambda body: Said.of(body.items), images_bytes=images_bytes)
    conversation = await found_conversation(fresh, caller.user_id, conversation_id)
    author, key = author_of(request, caller), idempotency_key(request)
    appending = Appending(fresh, turns, commands, conversations.reads, author, key)
    items = await appending.append(conversation, said)
    position = commands.own_writes.seen(conversation.conversation_id)
    return json_response(shown(items, has_more=False), {POSITION_HEADER: str(position)})


@router.get("")
async def list_items(
    caller: AnswerCaller,
    conversation_id: str,
    fresh: Fresh,
    turns: Turns,
    conversations: Conversations,
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    order: Annotated[Order, Query()] = "desc",
) -> Response:
    """The items of all branches, the newest first; an answer is among them once it has ended."""
    row = await found_row(fresh, caller.user_id, conversation_id)
    last = None
    if after is not None:
        last = await _message(fresh, turns, Conversation(row.conversation_id, row.model, row), after, "after")
    return json_response(await items_page(conversations.reads, row.conversation_id, last, after, order, limit))


@router.get("/{item_id}")
async def retrieve_item(
    caller: AnswerCaller, conversation_id: str, item_id: str, fresh: Fresh, turns: Turns
) -> Response:
    """One item of a conversation."""
    conversation = await found_conversation(fresh, caller.user_id, conversation_id)
    item = item_of(await _message(fresh, turns, conversation, item_id, "item_id"), item_id)
    if item is None:
        raise no_such_item("item_id")
    return json_response(item)


@router.delete("/{item_id}")
async def delete_item(
    request: Request,
    caller: WriteCaller,
    conversation_id: str,
    item_id: str,
    fresh: Fresh,
    turns: Turns,
    commands: Commands,
) -> Response:
    """Delete an item for good, with those that were sent or answered together with it: no reader is shown it, and no
    model is told it. What follows it stays.

    Answers the conversation.
    """
    check_written("items")
    own_id, message_id = checked_conversation(conversation_id), message_behind(item_id)
    if message_id is None:
        raise no_such_item("item_id")
    author, key = author_of(request, caller), idempotency_key(request)
    asked = request_hash("delete item", {"key": key.value})
    conversation = await found_row(fresh, caller.user_id, conversation_id)
    deleted = author.envelope(message_id, "MessageDeleted")
    if key.given:
        first = await commands.reads.command(own_id, deleted.event_id)
        if first is not None and (first.user_id, first.request_hash) == (caller.user_id, asked):
            return json_response(row_shown(conversation), {REPLAYED_HEADER: "true"})
    row = await _message(fresh, turns, Conversation(own_id, conversation.model, conversation), item_id, "item_id")
    if item_of(row, item_id) is None:
        raise no_such_item("item_id")
    event = MessageDeleted(
        envelope=deleted,
        conversation_id=own_id,
        user_id=caller.user_id,
        message_id=row.message_id,
        request_hash=asked if key.given else "",
    )
    at = await send(commands.log, CONVERSATION_EVENTS, own_id, event, key)
    token = commands.own_writes.wrote(own_id, caller.user_id, at)
    return json_response(row_shown(conversation), {POSITION_HEADER: str(token)})


async def _message(
    fresh: Freshness, turns: TurnPorts, conversation: Conversation, item_id: str, param: str
) -> MessageRow:
    """The message of an item. Raises ApiError 404."""
    message_id = message_behind(item_id)
    if message_id is None:
        raise no_such_item(param)
    try:
        return await settled_message(fresh, turns.messages, conversation, message_id)
    except ApiError as error:
        raise (no_such_item(param) if error.status == 404 else error) from None
