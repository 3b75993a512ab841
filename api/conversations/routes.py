"""/api/v1/conversations: begin, list, read, rename, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.access.auth import Caller
from api.consistency.position_tokens import HEADER
from api.consistency.reading import catch_up_lists, checked_id, conversation_of
from api.conversations.past import conversation_as_of
from api.conversations.shapes import conversation_json
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, CommandBody, read_body
from api.http.errors import KeyReused, bad_request
from api.http.request_hash import request_hash
from api.parts import parts_of
from api.turns.commanding import REPLAYED_HEADER, envelope, idempotency_key, send
from api.turns.settling import Keyed, is_repeat, settle
from projections.commands.queries import CommandRow
from schemas import ids
from schemas.conversation import ConversationDeleted, ConversationRenamed, ConversationStarted
from schemas.envelope import plain
from topics.catalogue import CONVERSATION_EVENTS

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

MOST_TITLE_CHARACTERS = 200
MOST_SYSTEM_PROMPT_CHARACTERS = 100_000
MOST_LISTED = 100

Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Cursor = Annotated[str | None, Query(max_length=500)]
AsOf = Annotated[str | None, Query(max_length=4000)]


def _named(title: str) -> str:
    if not title.strip():
        raise PydanticCustomError("string_too_short", "it must not be blank")
    return title


def _named_or_none(title: str | None) -> str | None:
    return title if title is not None and title.strip() else None


class StartConversation(CommandBody):
    """A blank title is none: the beginning of the first prompt is shown instead."""

    title: Annotated[str | None, AfterValidator(_named_or_none)] = Field(default=None, max_length=MOST_TITLE_CHARACTERS)
    model: str | None = Field(default=None, min_length=1, max_length=200)
    system_prompt: str | None = Field(default=None, min_length=1, max_length=MOST_SYSTEM_PROMPT_CHARACTERS)


class RenameConversation(ApiBody):
    title: Annotated[str, AfterValidator(_named)] = Field(max_length=MOST_TITLE_CHARACTERS)


@router.post("", status_code=201, openapi_extra=openapi_body(StartConversation))
async def start_conversation(request: Request, caller: Caller) -> Response:
    """Create a conversation. A retry with the same Idempotency-Key returns the same one."""
    parts = parts_of(request)
    body = await read_body(request, StartConversation, parts.settings.max_body_bytes)
    if body.model is not None:
        parts.models.get(body.model)
    key = idempotency_key(request, body.request_id)
    # The line break keeps these ids apart from those of stateless prompts under the same key: no key holds one.
    conversation_id = ids.conversation_id(caller.user_id, f"POST /api/v1/conversations\n{key.value}")
    born = envelope(request, caller, conversation_id, "ConversationStarted")
    command = Keyed(conversation_id, born.event_id, request_hash("conversation", body.asked()), key)
    # Whichever record is first decides all that they say, so a second one may be written.
    await is_repeat(request, parts, command, look_first=False)
    if key.given and (known := await parts.reads.conversation(conversation_id)) is not None:
        if body.system_prompt != (None if known.system_prompt is None else plain(known.system_prompt)):
            raise KeyReused  # begun by a release whose records tell no hash
        return json_answer(conversation_json(known), 201, {REPLAYED_HEADER: "true"})
    event = ConversationStarted(
        born,
        conversation_id,
        caller.user_id,
        body.title,
        body.model,
        body.system_prompt,
        command.hash_to_write,
    )
    at = await send(parts, CONVERSATION_EVENTS, conversation_id, event, key)
    await settle(parts, command, at)
    token = parts.own_writes.started(conversation_id, caller.user_id, body.model, at)
    when = iso(event.envelope.occurred_at_us)
    answer = {
        "id": conversation_id,
        "title": body.title,
        "preview": None,
        "model": body.model,
        "systemPrompt": body.system_prompt,
        "createdAt": when,
        "updatedAt": when,
    }
    return json_answer(answer, 201, {HEADER: str(token)})


@router.get("")
async def list_conversations(request: Request, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Response:
    """The caller's conversations, newest first (by their last prompt)."""
    parts = parts_of(request)
    await catch_up_lists(request, parts, caller, CONVERSATION_EVENTS)
    try:
        page = await parts.reads.conversations(caller.user_id, cursor, limit)
    except ValueError:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None
    rows = [row for row in page.rows if not parts.own_writes.deleted_here(row.conversation_id)]
    return json_answer({"data": [conversation_json(row) for row in rows], "nextCursor": page.next_cursor})


@router.get("/{conversation_id}")
async def get_conversation(request: Request, caller: Caller, conversation_id: str, as_of: AsOf = None) -> Response:
    """The conversation; with `as_of`, its state and messages at a time or a cut of the log."""
    parts = parts_of(request)
    found = await conversation_of(request, parts, caller, conversation_id)
    assert found.row is not None  # noqa: S101 - it was asked for
    if as_of is None:
        return json_answer(conversation_json(found.row))
    return json_answer(await conversation_as_of(parts, found.row, as_of))


@router.patch("/{conversation_id}", openapi_extra=openapi_body(RenameConversation))
async def rename_conversation(request: Request, caller: Caller, conversation_id: str) -> Response:
    """Give it another title."""
    parts = parts_of(request)
    found = await conversation_of(request, parts, caller, conversation_id)
    assert found.row is not None  # noqa: S101 - it was asked for
    body = await read_body(request, RenameConversation, parts.settings.max_body_bytes)
    key = idempotency_key(request)
    renamed = envelope(request, caller, f"{conversation_id}/{key.value}", "ConversationRenamed")
    command = Keyed(conversation_id, renamed.event_id, request_hash("rename", body.model_dump()), key)
    if await is_repeat(request, parts, command):
        return json_answer(conversation_json(found.row), 200, {REPLAYED_HEADER: "true"})
    event = ConversationRenamed(renamed, conversation_id, caller.user_id, body.title, command.hash_to_write)
    at = await send(parts, CONVERSATION_EVENTS, conversation_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(renamed, event_id=ids.event_id(renamed.event_id, "ConversationRenamed"))
        again = ConversationRenamed(said_again, conversation_id, caller.user_id, first.title or "")
        await send(parts, CONVERSATION_EVENTS, conversation_id, again, key)

    await settle(parts, command, at, restore)
    token = parts.own_writes.wrote(conversation_id, caller.user_id, at)
    return json_answer({**conversation_json(found.row), "title": body.title}, 200, {HEADER: str(token)})


@router.delete("/{conversation_id}", status_code=204)
async def delete_conversation(request: Request, caller: Caller, conversation_id: str) -> Response:
    """Final: what still runs in it is ended, and it is gone from every read."""
    parts = parts_of(request)
    checked_id("conversation", conversation_id)
    key = idempotency_key(request)
    deleted = envelope(request, caller, conversation_id, "ConversationDeleted")
    command = Keyed(conversation_id, deleted.event_id, request_hash("delete", {"key": key.value}), key)
    if key.given:
        row = await parts.reads.command(conversation_id, deleted.event_id)
        if row is not None and (row.user_id, row.request_hash) == (caller.user_id, command.request_hash):
            return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    await conversation_of(request, parts, caller, conversation_id, row_needed=False)
    event = ConversationDeleted(deleted, conversation_id, caller.user_id, command.hash_to_write)
    at = await send(parts, CONVERSATION_EVENTS, conversation_id, event, key)
    token = parts.own_writes.deleted(conversation_id, caller.user_id, at)
    return Response(status_code=204, headers={HEADER: str(token)})
