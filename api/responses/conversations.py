"""/v1/conversations: create, retrieve, update, delete. A conversation of ours, under another id."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import AnswerCaller, AskCaller, WriteCaller, author_of
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import Conversation, conversation_of, row_of
from api.consistency.ports import Commands
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from api.consistency.upgrading import check_written
from api.conversations.ports import Conversations
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.openai.requests.fields import LenientBody, Metadata
from api.responses.appending import MAX_APPENDED, Appending, Said
from api.responses.items import with_calls
from api.responses.shapes import conversation_behind, conversation_id_shown
from api.responses.whole import json_response
from api.turns.images import MAX_IMAGES_BYTES
from api.turns.ports import Turns
from projections.commands.queries import CommandRow
from projections.conversations.queries import ConversationRow
from schemas import ids
from schemas.conversation import ConversationDeleted, ConversationMetadataChanged, ConversationStarted
from schemas.envelope import Content, plain
from topics.catalogue import CONVERSATION_EVENTS

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


class CreateConversation(LenientBody):
    items: Annotated[list[Any], Field(max_length=MAX_APPENDED)] | None = None
    metadata: Metadata | None = None


class UpdateConversation(LenientBody):
    metadata: Metadata | None


@router.post("", openapi_extra=openapi_body(CreateConversation, required=False))
async def create_conversation(
    request: Request,
    caller: AskCaller,
    bodies: BodyReader,
    fresh: Fresh,
    turns: Turns,
    commands: Commands,
    conversations: Conversations,
) -> Response:
    """Create a conversation, with up to 20 items. A retry with the same Idempotency-Key returns the same one."""
    check_written("conversations")
    body, said = await bodies.read_as(
        request,
        CreateConversation,
        _begun_with,
        images_bytes=MAX_IMAGES_BYTES if turns.sees_images else 0,
        empty_is_object=True,
    )
    key, author = idempotency_key(request), author_of(request, caller)
    # The line break keeps these ids apart from those of other requests under the same key: no key holds one.
    conversation_id = ids.conversation_id(caller.user_id, f"POST /v1/conversations\n{key.value}")
    born = author.envelope(conversation_id, "ConversationStarted")
    asked = body.model_dump(exclude_none=True)
    command = Keyed(conversation_id, born.event_id, request_hash("conversations", asked), key)
    metadata: Content | None = said_metadata(body.metadata)
    created_at_us, headers = born.occurred_at_us, dict[str, str]()
    # Whichever record is first decides all that they say, so a second one may be written.
    if await is_repeat(fresh, commands.reads, command, look_first=False):
        headers[REPLAYED_HEADER] = "true"
        known = await conversations.reads.conversation(conversation_id)
        if known is not None:
            metadata, created_at_us = known.metadata, known.created_at_us
    else:
        event = ConversationStarted(
            envelope=born,
            conversation_id=conversation_id,
            user_id=caller.user_id,
            title=None,
            model=None,
            system_prompt=None,
            request_hash=command.hash_to_write,
            metadata=metadata,
        )
        at = await send(commands.log, CONVERSATION_EVENTS, conversation_id, event, key)
        commands.own_writes.started(conversation_id, caller.user_id, None, at)
        await settle(commands.reads, command, at)
    appending = Appending(fresh, turns, commands, conversations.reads, author, key)
    await appending.append(Conversation(conversation_id, None, None), said, is_new=True)
    headers[POSITION_HEADER] = str(commands.own_writes.seen(conversation_id))
    return json_response(conversation_shown(conversation_id, created_at_us, metadata), headers)


@router.get("/{conversation_id}")
async def retrieve_conversation(caller: AnswerCaller, conversation_id: str, fresh: Fresh) -> Response:
    """Retrieve a conversation, whichever surface it was begun over."""
    return json_response(row_shown(await found_row(fresh, caller.user_id, conversation_id)))


@router.post("/{conversation_id}", openapi_extra=openapi_body(UpdateConversation))
async def update_conversation(
    request: Request, caller: WriteCaller, conversation_id: str, bodies: BodyReader, fresh: Fresh, commands: Commands
) -> Response:
    """Give it other metadata: all of it is replaced."""
    check_written("metadata")
    row = await found_row(fresh, caller.user_id, conversation_id)
    body = await bodies.read(request, UpdateConversation)
    key, own_id = idempotency_key(request), row.conversation_id
    changed = author_of(request, caller).envelope(f"{own_id}/{key.value}", "ConversationMetadataChanged")
    asked = request_hash("metadata", {"metadata": body.metadata or {}})
    command = Keyed(own_id, changed.event_id, asked, key)
    if await is_repeat(fresh, commands.reads, command):
        return json_response(row_shown(row), {REPLAYED_HEADER: "true"})
    event = ConversationMetadataChanged(
        envelope=changed,
        conversation_id=own_id,
        user_id=caller.user_id,
        metadata=said_metadata(body.metadata) or "{}",
        request_hash=command.hash_to_write,
    )
    at = await send(commands.log, CONVERSATION_EVENTS, own_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(changed, event_id=ids.event_id(changed.event_id, "ConversationMetadataChanged"))
        again = replace(event, envelope=said_again, metadata=first.comment or "{}", request_hash="")
        await send(commands.log, CONVERSATION_EVENTS, own_id, again, key)

    await settle(commands.reads, command, at, restore)
    token = commands.own_writes.wrote(own_id, caller.user_id, at)
    return json_response(conversation_shown(own_id, row.created_at_us, event.metadata), {POSITION_HEADER: str(token)})


@router.delete("/{conversation_id}")
async def delete_conversation(
    request: Request, caller: WriteCaller, conversation_id: str, fresh: Fresh, commands: Commands
) -> Response:
    """Final: what still runs in it is ended, and it is gone from every read, with its items and responses."""
    own_id = checked_conversation(conversation_id)
    key = idempotency_key(request)
    deleted = author_of(request, caller).envelope(own_id, "ConversationDeleted")
    command = Keyed(own_id, deleted.event_id, request_hash("delete", {"key": key.value}), key)
    answer = {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
    if key.given:
        first = await commands.reads.command(own_id, deleted.event_id)
        if first is not None and (first.user_id, first.request_hash) == (caller.user_id, command.request_hash):
            return json_response(answer, {REPLAYED_HEADER: "true"})
    await found_conversation(fresh, caller.user_id, conversation_id)
    event = ConversationDeleted(deleted, own_id, caller.user_id, command.hash_to_write)
    at = await send(commands.log, CONVERSATION_EVENTS, own_id, event, key)
    token = commands.own_writes.deleted(own_id, caller.user_id, at)
    return json_response(answer, {POSITION_HEADER: str(token)})


def _begun_with(body: CreateConversation) -> tuple[CreateConversation, Said]:
    """What a new conversation is to hold. Raises ApiError 400: nothing is begun with items that are wrong."""
    said = Said.of(body.items)
    with_calls(said.messages, {})
    return body, said


def checked_conversation(identity: str) -> str:
    """The conversation of an id in a path. Raises ApiError 404."""
    found = conversation_behind(identity)
    if found is None:
        raise _not_found(identity)
    return found


async def found_conversation(fresh: Freshness, user_id: str, identity: str) -> Conversation:
    """The user's conversation; one begun here a moment ago is found without its row. Raises ApiError 404, 503."""
    own_id = checked_conversation(identity)
    try:
        return await conversation_of(fresh, user_id, own_id, row_needed=False)
    except ApiError as error:
        raise (_not_found(identity) if error.status == 404 else error) from None


async def found_row(fresh: Freshness, user_id: str, identity: str) -> ConversationRow:
    """The row of the user's conversation. Raises as `found_conversation`."""
    own_id = checked_conversation(identity)
    try:
        return await row_of(fresh, user_id, own_id)
    except ApiError as error:
        raise (_not_found(identity) if error.status == 404 else error) from None


def row_shown(row: ConversationRow) -> dict[str, Any]:
    """A conversation as clients have it."""
    return conversation_shown(row.conversation_id, row.created_at_us, row.metadata)


def conversation_shown(conversation_id: str, created_at_us: int, metadata: Content | None) -> dict[str, Any]:
    """A conversation as clients have it. `metadata`: as its record has it."""
    return {
        "id": conversation_id_shown(conversation_id),
        "object": "conversation",
        "created_at": created_at_us // 1_000_000,
        "metadata": {} if metadata is None else orjson.loads(plain(metadata)),
    }


def said_metadata(metadata: dict[str, str] | None) -> str | None:
    """Metadata as records have it; None where there is none."""
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True) if metadata else None


def _not_found(identity: str) -> ApiError:
    """The same for what does not exist, was deleted, and belongs to another user."""
    shown = identity if len(identity) <= 80 else identity[:80] + "…"
    return ApiError(404, f"Conversation with id '{shown}' not found.", code="not_found", param="conversation_id")
