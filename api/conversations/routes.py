"""/api/v1/conversations: begin, list, read, rename, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.access.auth import AskCaller, ReadCaller, WriteCaller, author_of, limited_of
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.ownership import checked_id, conversation_of, row_of
from api.consistency.ports import Commands
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from api.consistency.upgrading import check_kept
from api.conversations.as_of import conversation_as_of
from api.conversations.kinds import kind_of
from api.conversations.marked import marks_of
from api.conversations.ports import Conversations
from api.conversations.shapes import conversation_json
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader, CommandBody
from api.http.errors import KeyReused, bad_request
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.http.paging import Cursor, Limit
from api.turns.sampling import MAX_SYSTEM_PROMPT_CHARACTERS
from projections.commands.queries import CommandRow
from projections.conversation_lists.kinds import Kind
from projections.conversation_marks.queries import UNMARKED
from projections.conversations.queries import ConversationRow
from schemas import ids
from schemas.conversation import ConversationDeleted, ConversationRenamed, ConversationStarted
from schemas.envelope import plain
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

MAX_TITLE_CHARACTERS = 200

AsOf = Annotated[str | None, Query(max_length=4000)]


def _named(title: str) -> str:
    if not title.strip():
        raise PydanticCustomError("string_too_short", "it must not be blank")
    return title


def _named_or_none(title: str | None) -> str | None:
    return title if title is not None and title.strip() else None


class StartConversation(CommandBody):
    """A blank title is none: the beginning of the first prompt is shown instead. `temporary`: it is in no list, and is
    deleted soon after its last turn."""

    title: Annotated[str | None, AfterValidator(_named_or_none)] = Field(default=None, max_length=MAX_TITLE_CHARACTERS)
    model: str | None = Field(default=None, min_length=1, max_length=200)
    system_prompt: str | None = Field(default=None, min_length=1, max_length=MAX_SYSTEM_PROMPT_CHARACTERS)
    temporary: bool = False


def _asked(body: StartConversation) -> dict[str, Any]:
    """What is asked for, as releases hashed it that knew no temporary conversations."""
    asked = body.asked()
    return asked if body.temporary else {name: value for name, value in asked.items() if name != "temporary"}


class RenameConversation(ApiBody):
    title: Annotated[str, AfterValidator(_named)] = Field(max_length=MAX_TITLE_CHARACTERS)


@router.post("", status_code=201, openapi_extra=openapi_body(StartConversation))
async def start_conversation(
    request: Request,
    caller: AskCaller,
    bodies: BodyReader,
    fresh: Fresh,
    conversations: Conversations,
    commands: Commands,
) -> Response:
    """Create a conversation. A retry with the same Idempotency-Key returns the same one."""
    body = await bodies.read(request, StartConversation)
    if body.model is not None:
        conversations.own_models.of(limited_of(caller)).get(body.model)
    if body.temporary:
        check_kept("temporary")
    key = idempotency_key(request, body.request_id)
    # The line break keeps these ids apart from those of stateless prompts under the same key: no key holds one.
    conversation_id = ids.conversation_id(caller.user_id, f"POST /api/v1/conversations\n{key.value}")
    born = author_of(request, caller).envelope(conversation_id, "ConversationStarted")
    command = Keyed(conversation_id, born.event_id, request_hash("conversation", _asked(body)), key)
    # Whichever record is first decides all that they say, so a second one may be written.
    await is_repeat(fresh, commands.reads, command, look_first=False)
    if key.given and (known := await conversations.reads.conversation(conversation_id)) is not None:
        if body.system_prompt != (None if known.system_prompt is None else plain(known.system_prompt)):
            raise KeyReused  # begun by a release whose records tell no hash
        marks = await marks_of(fresh, conversations.reads, known)
        return json_answer(conversation_json(known, marks), 201, {REPLAYED_HEADER: "true"})
    event = ConversationStarted(
        envelope=born,
        conversation_id=conversation_id,
        user_id=caller.user_id,
        title=body.title,
        model=body.model,
        system_prompt=body.system_prompt,
        request_hash=command.hash_to_write,
        temporary=body.temporary,
    )
    at = await send(commands.log, CONVERSATION_EVENTS, conversation_id, event, key)
    await settle(commands.reads, command, at)
    token = commands.own_writes.started(conversation_id, caller.user_id, body.model, at)
    row = ConversationRow(
        conversation_id=conversation_id,
        user_id=caller.user_id,
        created_at_us=event.envelope.occurred_at_us,
        title=body.title,
        system_prompt=body.system_prompt,
        model=body.model,
        preview=None,
        updated_at_us=event.envelope.occurred_at_us,
        temporary=event.temporary,
    )
    return json_answer(conversation_json(row), 201, {POSITION_HEADER: str(token)})


@router.get("")
async def list_conversations(
    caller: ReadCaller,
    fresh: Fresh,
    conversations: Conversations,
    kind: Annotated[Kind, Depends(kind_of)],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """The caller's conversations, newest first (by their last prompt). A page may be short and still have a
    `nextCursor`: there the list goes on."""
    await fresh.catch_up_lists(caller.user_id, CONVERSATION_EVENTS, ACCOUNT_EVENTS)
    try:
        page = await conversations.reads.conversations(caller.user_id, cursor, limit, kind)
    except ValueError:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None
    rows = [row for row in page.rows if not conversations.own_writes.deleted_here(row.conversation_id)]
    data = [conversation_json(row, page.marks.get(row.conversation_id, UNMARKED)) for row in rows]
    return json_answer({"data": data, "nextCursor": page.next_cursor})


@router.get("/{conversation_id}")
async def get_conversation(
    caller: ReadCaller, conversation_id: str, fresh: Fresh, conversations: Conversations, as_of: AsOf = None
) -> Response:
    """The conversation; with `as_of`, its state and messages at a time or a cut of the log."""
    row = await row_of(fresh, caller.user_id, conversation_id)
    if as_of is None:
        return json_answer(conversation_json(row, await marks_of(fresh, conversations.reads, row)))
    return json_answer(await conversation_as_of(conversations.reads, conversations.history, row, as_of))


@router.patch("/{conversation_id}", openapi_extra=openapi_body(RenameConversation))
async def rename_conversation(
    request: Request,
    caller: WriteCaller,
    conversation_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    conversations: Conversations,
    commands: Commands,
) -> Response:
    """Give it another title."""
    row = await row_of(fresh, caller.user_id, conversation_id)
    marks = await marks_of(fresh, conversations.reads, row)
    body = await bodies.read(request, RenameConversation)
    key = idempotency_key(request)
    renamed = author_of(request, caller).envelope(f"{conversation_id}/{key.value}", "ConversationRenamed")
    command = Keyed(conversation_id, renamed.event_id, request_hash("rename", body.model_dump()), key)
    if await is_repeat(fresh, commands.reads, command):
        return json_answer(conversation_json(row, marks), 200, {REPLAYED_HEADER: "true"})
    event = ConversationRenamed(renamed, conversation_id, caller.user_id, body.title, command.hash_to_write)
    at = await send(commands.log, CONVERSATION_EVENTS, conversation_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(renamed, event_id=ids.event_id(renamed.event_id, "ConversationRenamed"))
        again = ConversationRenamed(said_again, conversation_id, caller.user_id, first.title or "")
        await send(commands.log, CONVERSATION_EVENTS, conversation_id, again, key)

    await settle(commands.reads, command, at, restore)
    token = commands.own_writes.wrote(conversation_id, caller.user_id, at)
    return json_answer({**conversation_json(row, marks), "title": body.title}, 200, {POSITION_HEADER: str(token)})


@router.delete("/{conversation_id}", status_code=204)
async def delete_conversation(
    request: Request, caller: WriteCaller, conversation_id: str, fresh: Fresh, commands: Commands
) -> Response:
    """Final: what still runs in it is ended, and it is gone from every read."""
    checked_id("conversation", conversation_id)
    key = idempotency_key(request)
    deleted = author_of(request, caller).envelope(conversation_id, "ConversationDeleted")
    command = Keyed(conversation_id, deleted.event_id, request_hash("delete", {"key": key.value}), key)
    if key.given:
        first = await commands.reads.command(conversation_id, deleted.event_id)
        if first is not None and (first.user_id, first.request_hash) == (caller.user_id, command.request_hash):
            return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    await conversation_of(fresh, caller.user_id, conversation_id, row_needed=False)
    event = ConversationDeleted(deleted, conversation_id, caller.user_id, command.hash_to_write)
    at = await send(commands.log, CONVERSATION_EVENTS, conversation_id, event, key)
    token = commands.own_writes.deleted(conversation_id, caller.user_id, at)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})
