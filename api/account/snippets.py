"""/api/v1/snippets: the caller's own prompts, inserted by `/name`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.access.auth import ReadCaller, WriteCaller, author_of
from api.access.principal import Principal
from api.account.naming import folded, is_name, way_back
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
from api.http.errors import ApiError, bad_request, not_found
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from projections.preferences.queries import SnippetRow
from schemas import ids
from schemas.account import SnippetChanged
from schemas.envelope import Content
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1/snippets", tags=["snippets"])

MAX_SNIPPETS = 200
MAX_CHARACTERS = 20_000


def _named(name: str) -> str:
    if not is_name(name):
        raise PydanticCustomError("not_a_name", "expected 1 to 40 letters, digits, hyphens or underscores")
    return name


Name = Annotated[str, AfterValidator(_named)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]


class CreateSnippet(CommandBody):
    name: Name
    text: Text


class ChangeSnippet(ApiBody):
    """What is left out stays as it is."""

    name: Name | None = None
    text: Text | None = None


@router.get("")
async def list_snippets(caller: ReadCaller, fresh: Fresh, preferences: Preferences) -> Response:
    """The caller's snippets, oldest first."""
    rows = await _rows(fresh, preferences, caller.user_id)
    return json_answer({"data": [snippet_json(row) for row in rows]})


@router.post("", status_code=201, openapi_extra=openapi_body(CreateSnippet))
async def create_snippet(
    request: Request,
    caller: WriteCaller,
    bodies: BodyReader,
    fresh: Fresh,
    preferences: Preferences,
    commands: Commands,
) -> Response:
    """A new snippet. A text may name others (`/other`), but not itself, directly or through them."""
    body = await bodies.read(request, CreateSnippet)
    check_kept("name")
    key = idempotency_key(request, body.request_id)
    snippet_id = ids.snippet_id(caller.user_id, key.value)
    await fresh.decide_on_lists(caller.user_id, ACCOUNT_EVENTS)
    giving = _giving(request, caller, fresh, commands, key, "snippets", body.asked())
    if await giving.is_repeat():
        known = _found(await preferences.reads.snippets(caller.user_id), snippet_id)
        if known is None:
            raise not_found("snippet")
        return json_answer(snippet_json(known), 201, {REPLAYED_HEADER: "true"})
    rows = await preferences.reads.snippets(caller.user_id)
    if len(rows) >= MAX_SNIPPETS:
        raise bad_request(f"There are {MAX_SNIPPETS} snippets already; delete one first.", code="too_many_snippets")
    row = SnippetRow(snippet_id, body.name, body.text, giving.at_us)
    _check(rows, row)
    token = await _change(giving, caller, snippet_id, body.name, body.text)
    return json_answer(snippet_json(row), 201, {POSITION_HEADER: str(token)})


@router.patch("/{snippet_id}", openapi_extra=openapi_body(ChangeSnippet))
async def change_snippet(
    request: Request,
    caller: WriteCaller,
    snippet_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    preferences: Preferences,
    commands: Commands,
) -> Response:
    """Give it another name, another text, or both."""
    body = await bodies.read(request, ChangeSnippet)
    checked_id("snippet", snippet_id)
    await fresh.decide_on_lists(caller.user_id, ACCOUNT_EVENTS)
    rows, before = await _row(fresh, preferences, caller.user_id, snippet_id)
    check_kept("name")
    giving = _giving(request, caller, fresh, commands, idempotency_key(request), snippet_id, body.model_dump())
    if await giving.is_repeat():
        return json_answer(snippet_json(before), 200, {REPLAYED_HEADER: "true"})
    name = before.name if body.name is None else body.name
    text = before.text if body.text is None else body.text
    row = SnippetRow(snippet_id, name, text, before.created_at_us)
    _check([other for other in rows if other.snippet_id != snippet_id], row)
    token = await _change(giving, caller, snippet_id, name, text)
    return json_answer(snippet_json(row), 200, {POSITION_HEADER: str(token)})


@router.delete("/{snippet_id}", status_code=204)
async def delete_snippet(
    request: Request, caller: WriteCaller, snippet_id: str, fresh: Fresh, preferences: Preferences, commands: Commands
) -> Response:
    """It is gone for good."""
    checked_id("snippet", snippet_id)
    check_kept("snippet_id")
    giving = _giving(request, caller, fresh, commands, idempotency_key(request), snippet_id, {"deleted": True})
    if await giving.is_repeat():
        return Response(status_code=204, headers={REPLAYED_HEADER: "true"})
    await _row(fresh, preferences, caller.user_id, snippet_id)
    token = await _change(giving, caller, snippet_id, None, None)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


def snippet_json(row: SnippetRow) -> dict[str, Any]:
    """A snippet; what is sealed reads as empty."""
    return {
        "id": row.snippet_id,
        "name": _plain(row.name),
        "text": _plain(row.text),
        "createdAt": iso(row.created_at_us),
    }


def _plain(content: Content) -> str:
    return content if isinstance(content, str) else ""


def _check(others: Iterable[SnippetRow], row: SnippetRow) -> None:
    """Raises ApiError 400 for a name that another one has, and for a text that leads back to its own."""
    name = _plain(row.name)
    texts = {folded(_plain(other.name)): _plain(other.text) for other in others}
    if folded(name) in texts:
        raise _refused("name", f"another snippet is called /{name}", "name_taken")
    way = way_back(name, {**texts, folded(name): _plain(row.text)})
    if way is not None:
        through = ", through " + ", ".join(f"/{step}" for step in way[:-1]) if len(way) > 1 else ""
        raise _refused("text", f"the snippet names itself{through}", "snippet_names_itself")


def _refused(param: str, why: str, code: str) -> ApiError:
    return bad_request(f"Invalid value for '{param}': {why}.", code=code, param=param)


def _found(rows: Iterable[SnippetRow], snippet_id: str) -> SnippetRow | None:
    return next((row for row in rows if row.snippet_id == snippet_id), None)


async def _rows(fresh: Freshness, preferences: PreferencePorts, user_id: str) -> Sequence[SnippetRow]:
    """The user's snippets, as new as the request asks for if that can be had in time."""
    await fresh.catch_up_lists(user_id, ACCOUNT_EVENTS)
    return await preferences.reads.snippets(user_id)


async def _row(
    fresh: Freshness, preferences: PreferencePorts, user_id: str, snippet_id: str
) -> tuple[Sequence[SnippetRow], SnippetRow]:
    """The user's snippets, and the one of them. Raises ApiError 404: the same for unknown, deleted and others'; 503."""
    checked_id("snippet", snippet_id)
    rows = await _rows(fresh, preferences, user_id)
    row = _found(rows, snippet_id)
    if row is None:
        raise fresh.missing("snippet")
    return rows, row


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
    return Giving(fresh, commands, author, key, event=SnippetChanged, about=about, asked=asked)


async def _change(
    giving: Giving, caller: Principal, snippet_id: str, name: Content | None, text: Content | None
) -> PositionToken:
    token, _ = await giving.give(
        lambda envelope, asked_for: SnippetChanged(
            envelope=envelope,
            user_id=caller.user_id,
            snippet_id=snippet_id,
            name=name,
            text=text,
            request_hash=asked_for,
        )
    )
    return token
