"""/api/v1/folders: the caller's own folders of conversations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.access.auth import ReadCaller, WriteCaller, author_of
from api.access.principal import Principal
from api.account.ports import PreferencePorts, Preferences
from api.consistency.account_commands import Giving
from api.consistency.commanding import IdempotencyKey, idempotency_key
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ownership import checked_id
from api.consistency.ports import CommandPorts, Commands
from api.consistency.position_tokens import PositionToken
from api.consistency.upgrading import check_kept
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader, CommandBody
from api.http.errors import bad_request, not_found
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from projections.preferences.queries import FolderRow
from schemas import ids
from schemas.account import FolderChanged
from schemas.envelope import Content
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/folders", tags=["folders"])

MAX_FOLDERS = 100
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def _named(name: str) -> str:
    if not name.strip() or _CONTROLS.search(name):
        raise PydanticCustomError("not_a_name", "expected a name on one line")
    return name


Name = Annotated[str, Field(max_length=60), AfterValidator(_named)]


class CreateFolder(CommandBody):
    name: Name


class RenameFolder(ApiBody):
    name: Name


@router.get("")
async def list_folders(caller: ReadCaller, fresh: Fresh, preferences: Preferences) -> Response:
    """The caller's folders, oldest first."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = await preferences.reads.folders(caller.user_id)
    return json_answer({"data": [folder_json(row) for row in rows]})


@router.post("", status_code=201, openapi_extra=openapi_body(CreateFolder))
async def create_folder(
    request: Request,
    caller: WriteCaller,
    bodies: BodyReader,
    fresh: Fresh,
    preferences: Preferences,
    commands: Commands,
) -> Response:
    """A new folder. A retry with the same Idempotency-Key answers the same one."""
    body = await bodies.read(request, CreateFolder)
    check_kept("name")
    key = idempotency_key(request, body.request_id)
    folder_id = ids.folder_id(caller.user_id, key.value)
    await fresh.decide_on_lists(caller.user_id, ACCOUNT_EVENTS)
    giving = _giving(request, caller, fresh, commands, key, "folders", body.asked())
    repeated = await giving.is_repeat()
    rows = await preferences.reads.folders(caller.user_id)
    if repeated and (known := _found(rows, folder_id)) is not None:
        return json_answer(folder_json(known), 201, {REPLAYED_HEADER: "true"})
    if repeated:
        raise not_found("folder")
    if len(rows) >= MAX_FOLDERS:
        raise bad_request(f"There are {MAX_FOLDERS} folders already; delete one first.", code="too_many_folders")
    token = await _change(giving, caller, folder_id, body.name)
    made = FolderRow(folder_id, body.name, giving.at_us)
    return json_answer(folder_json(made), 201, {POSITION_HEADER: str(token)})


@router.patch("/{folder_id}", openapi_extra=openapi_body(RenameFolder))
async def rename_folder(
    request: Request,
    caller: WriteCaller,
    folder_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    preferences: Preferences,
    commands: Commands,
) -> Response:
    """Give it another name."""
    body = await bodies.read(request, RenameFolder)
    row = await _row(fresh, preferences, caller.user_id, folder_id)
    check_kept("name")
    giving = _giving(request, caller, fresh, commands, idempotency_key(request), folder_id, body.model_dump())
    if await giving.is_repeat():
        return json_answer(folder_json(row), 200, {REPLAYED_HEADER: "true"})
    token = await _change(giving, caller, folder_id, body.name)
    return json_answer({**folder_json(row), "name": body.name}, 200, {POSITION_HEADER: str(token)})


@router.delete("/{folder_id}", status_code=204)
async def delete_folder(
    request: Request, caller: WriteCaller, folder_id: str, fresh: Fresh, preferences: Preferences, commands: Commands
) -> Response:
    """It is gone for good; the conversations in it stay, and are in none."""
    checked_id("folder", folder_id)
    check_kept("folder_id")
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    giving = _giving(request, caller, fresh, commands, idempotency_key(request), folder_id, {"deleted": True})
    if await giving.is_repeat():
        return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    await _row(fresh, preferences, caller.user_id, folder_id)
    token = await _change(giving, caller, folder_id, None)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


def folder_json(row: FolderRow) -> dict[str, Any]:
    """A folder; a sealed name reads as empty."""
    name = row.name if isinstance(row.name, str) else ""
    return {"id": row.folder_id, "name": name, "createdAt": iso(row.created_at_us)}


def _found(rows: Any, folder_id: str) -> FolderRow | None:
    return next((row for row in rows if row.folder_id == folder_id), None)


async def _row(fresh: Freshness, preferences: PreferencePorts, user_id: str, folder_id: str) -> FolderRow:
    """The user's folder. Raises ApiError 404: the same for unknown, deleted and others'; 503."""
    checked_id("folder", folder_id)
    await fresh.catch_up_lists(user_id, ACCOUNT_EVENTS)
    row = _found(await preferences.reads.folders(user_id), folder_id)
    if row is None:
        raise fresh.missing("folder")
    return row


def _giving(
    request: Request,
    caller: Principal,
    fresh: Freshness,
    commands: CommandPorts,
    key: IdempotencyKey,
    about: str,
    asked: Mapping[str, Any],
) -> Giving:
    author = author_of(request, caller)
    return Giving(fresh, commands, author, key, event=FolderChanged, about=about, asked=asked)


async def _change(giving: Giving, caller: Principal, folder_id: str, name: Content | None) -> PositionToken:
    token, _ = await giving.give(
        lambda envelope, asked_for: FolderChanged(
            envelope=envelope, user_id=caller.user_id, folder_id=folder_id, name=name, request_hash=asked_for
        )
    )
    return token
