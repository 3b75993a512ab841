"""/api/v1/conversations/{id}/marks, /settings and /api/v1/marks: what a user puts to conversations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import WriteCaller, author_of, limited_of
from api.consistency.account_commands import Giving
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import row_of
from api.consistency.ports import Commands
from api.consistency.upgrading import check_kept
from api.conversations.marked import marks_of
from api.conversations.ports import ConversationPorts, Conversations
from api.conversations.shapes import conversation_json
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader, CommandBody
from api.http.errors import bad_request, behind, not_found
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.turns.sampling import MAX_SYSTEM_PROMPT_CHARACTERS, MaxTokens, Temperature, TopP
from schemas.account import ConversationSettingsChanged, ConversationsMarked
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(tags=["conversations"])

MAX_MARKED = 100
_CONVERSATION = "/api/v1/conversations/{conversation_id}"


class SetMarks(ApiBody):
    """What is left out stays as it is. `folder_id` null: in none."""

    pinned: bool | None = None
    archived: bool | None = None
    folder_id: Annotated[str | None, Field(min_length=1, max_length=100)] = None

    def said(self) -> dict[str, Any]:
        """The fields of the record. Raises ApiError 400 for none."""
        folder = {"folder_id": self.folder_id or ""} if "folder_id" in self.model_fields_set else {}
        flags = {"pinned": self.pinned, "archived": self.archived}
        said = {**{name: value for name, value in flags.items() if value is not None}, **folder}
        if not said:
            raise bad_request("Send 'pinned', 'archived' or 'folder_id'.", code="missing_required_parameter")
        return said


class MarkConversations(SetMarks, CommandBody):
    conversation_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=MAX_MARKED)
    ]


class SetSettings(ApiBody):
    """All of a conversation's own settings; what is left out is as its user's."""

    model: str | None = Field(default=None, min_length=1, max_length=200)
    system_prompt: str | None = Field(default=None, min_length=1, max_length=MAX_SYSTEM_PROMPT_CHARACTERS)
    temperature: Temperature = None
    top_p: TopP = None
    max_tokens: MaxTokens = None


@router.patch(_CONVERSATION + "/marks", openapi_extra=openapi_body(SetMarks))
async def mark_conversation(
    request: Request,
    caller: WriteCaller,
    conversation_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    conversations: Conversations,
    commands: Commands,
) -> Response:
    """Pin it, archive it, put it into a folder, or undo that."""
    row = await row_of(fresh, caller.user_id, conversation_id)
    said = (await bodies.read(request, SetMarks)).said()
    check_kept("marks")
    marks = await marks_of(fresh, conversations.reads, row)
    giving = Giving(
        fresh,
        commands,
        author_of(request, caller),
        idempotency_key(request),
        event=ConversationsMarked,
        about=conversation_id,
        asked=said,
    )
    if await giving.is_repeat():
        return json_answer(conversation_json(row, marks), 200, {REPLAYED_HEADER: "true"})
    await _check_folder(conversations, caller.user_id, said)
    token, _ = await giving.give(
        lambda envelope, asked_for: ConversationsMarked(
            envelope=envelope,
            user_id=caller.user_id,
            conversation_ids=(conversation_id,),
            request_hash=asked_for,
            **said,
        )
    )
    shown = {**said, **({"folder_id": said["folder_id"] or None} if "folder_id" in said else {})}
    return json_answer(conversation_json(row, replace(marks, **shown)), 200, {POSITION_HEADER: str(token)})


@router.post("/api/v1/marks", status_code=204, openapi_extra=openapi_body(MarkConversations))
async def mark_conversations(
    request: Request,
    caller: WriteCaller,
    bodies: BodyReader,
    fresh: Fresh,
    conversations: Conversations,
    commands: Commands,
) -> Response:
    """Mark up to 100 conversations alike: all of them, or none."""
    body = await bodies.read(request, MarkConversations)
    said, ids = body.said(), tuple(dict.fromkeys(body.conversation_ids))
    check_kept("marks")
    giving = Giving(
        fresh,
        commands,
        author_of(request, caller),
        idempotency_key(request, body.request_id),
        event=ConversationsMarked,
        about="marks",
        asked={"conversation_ids": ids, **said},
    )
    if await giving.is_repeat():
        return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    await _check_own(fresh, conversations, caller.user_id, ids)
    await fresh.catch_up_marks(caller.user_id)
    await _check_folder(conversations, caller.user_id, said)
    token, _ = await giving.give(
        lambda envelope, asked_for: ConversationsMarked(
            envelope=envelope, user_id=caller.user_id, conversation_ids=ids, request_hash=asked_for, **said
        )
    )
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


@router.put(_CONVERSATION + "/settings", openapi_extra=openapi_body(SetSettings))
async def set_settings(
    request: Request,
    caller: WriteCaller,
    conversation_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    conversations: Conversations,
    commands: Commands,
) -> Response:
    """The conversation's own settings from now on; {}: none. A request for an answer sends those in force."""
    row = await row_of(fresh, caller.user_id, conversation_id)
    body = await bodies.read(request, SetSettings)
    check_kept("settings")
    if body.model is not None:
        conversations.own_models.of(limited_of(caller)).get(body.model)
    settings = body.model_dump(exclude_none=True, by_alias=True)
    marks = await marks_of(fresh, conversations.reads, row)
    giving = Giving(
        fresh,
        commands,
        author_of(request, caller),
        idempotency_key(request),
        event=ConversationSettingsChanged,
        about=conversation_id,
        asked=settings,
    )
    if await giving.is_repeat():
        return json_answer(conversation_json(row, marks), 200, {REPLAYED_HEADER: "true"})
    written = json.dumps(settings, ensure_ascii=False, sort_keys=True)
    token, _ = await giving.give(
        lambda envelope, asked_for: ConversationSettingsChanged(
            envelope=envelope,
            user_id=caller.user_id,
            conversation_id=conversation_id,
            settings=written,
            request_hash=asked_for,
        )
    )
    changed = conversation_json(row, replace(marks, settings=written))
    return json_answer(changed, 200, {POSITION_HEADER: str(token)})


async def _check_own(
    fresh: Freshness, conversations: ConversationPorts, user_id: str, conversation_ids: Sequence[str]
) -> None:
    """Raises ApiError 404 unless all of them are the user's: the same for unknown, deleted and others'; 503 where one
    may yet come."""
    await fresh.catch_up_lists(user_id, ACCOUNT_EVENTS)
    written = {key: found for key in conversation_ids if (found := conversations.own_writes.find(key)) is not None}
    if any(found.deleted or found.user_id != user_id for found in written.values()):
        raise not_found("conversation", param="conversation_ids")
    asked = [key for key in conversation_ids if key not in written or not written[key].started]
    if set(asked) <= await conversations.reads.own_conversations(user_id, asked):
        return
    # Another process may have just begun one.
    shown = await fresh.up_to_date()
    if not set(asked) <= await conversations.reads.own_conversations(user_id, asked):
        raise not_found("conversation", param="conversation_ids") if shown else behind()


async def _check_folder(conversations: ConversationPorts, user_id: str, said: Mapping[str, Any]) -> None:
    """Raises ApiError 404 for a folder that the user has not."""
    folder_id = said.get("folder_id")
    if folder_id and all(row.folder_id != folder_id for row in await conversations.reads.folders(user_id)):
        raise not_found("folder", param="folder_id")
