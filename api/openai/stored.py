"""/v1/chat/completions of the past: those that were asked for with `store: true`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.access.auth import AnswerCaller, ReadCaller, WriteCaller, author_of
from api.consistency.commanding import idempotency_key, send
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from api.consistency.upgrading import check_written
from api.http.answers import json_answer, openapi_body
from api.http.bodies import BodyReader
from api.http.errors import bad_request
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.http.paging import Limit
from api.openai.kept import Kept, kept, messages_of, not_kept, page, pictures_of, shown
from api.openai.requests.fields import LenientBody, Metadata
from api.openai.stored_shapes import message_of, page_of
from projections.commands.queries import CommandRow
from schemas import ids
from schemas.conversation import GenerationDeleted, GenerationMetadataChanged
from schemas.turns import generations_of
from topics.catalogue import CONVERSATION_EVENTS

After = Annotated[str | None, Query(max_length=100)]
router = APIRouter(prefix="/v1/chat/completions", tags=["openai"])
_FILTER = re.compile(r"metadata\[(.+)\]", re.S)
MAX_FILTERS = 16


class ChangeMetadata(LenientBody):
    metadata: Metadata | None


@router.get("")
async def list_chat_completions(
    request: Request,
    caller: ReadCaller,
    fresh: Fresh,
    ports: Kept,
    after: After = None,
    limit: Limit = 20,
    order: Literal["asc", "desc"] = "asc",
    model: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The caller's stored chat completions, the oldest first; `metadata[NAME]=VALUE`: only those that have it."""
    await fresh.up_to_date()
    wanted = _filters(request)
    found, more = await page(ports, caller.user_id, after=after, order=order, limit=limit, model=model, metadata=wanted)
    return json_answer(page_of(found, has_more=more))


@router.get("/{completion_id}")
async def get_chat_completion(caller: AnswerCaller, completion_id: str, fresh: Fresh, ports: Kept) -> Response:
    """A stored chat completion, as it was answered, with its metadata."""
    found = await shown(ports, await kept(ports, fresh, caller.user_id, completion_id))
    if found is None:
        raise not_kept(completion_id)
    return json_answer(found)


@router.post("/{completion_id}", openapi_extra=openapi_body(ChangeMetadata))
async def update_chat_completion(
    request: Request,
    caller: WriteCaller,
    completion_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    ports: Kept,
    commands: Commands,
) -> Response:
    """Give it other metadata."""
    body = await bodies.read(request, ChangeMetadata)
    one = await kept(ports, fresh, caller.user_id, completion_id)
    found = await shown(ports, one)
    if found is None:
        raise not_kept(completion_id)
    check_written("metadata")
    said = {**found, "metadata": body.metadata or {}}
    key, row = idempotency_key(request), one.row
    changed = author_of(request, caller).envelope(f"{row.generation_id}/{key.value}", "GenerationMetadataChanged")
    command = Keyed(row.conversation_id, changed.event_id, request_hash("completion.metadata", body.model_dump()), key)
    if await is_repeat(fresh, commands.reads, command):
        return json_answer(found, 200, {REPLAYED_HEADER: "true"})
    event = GenerationMetadataChanged(
        envelope=changed,
        conversation_id=row.conversation_id,
        user_id=caller.user_id,
        generation_id=row.generation_id,
        metadata=json.dumps(body.metadata or {}, ensure_ascii=False),
        request_hash=command.hash_to_write,
    )
    at = await send(commands.log, CONVERSATION_EVENTS, row.conversation_id, event, key)

    async def restore(first: CommandRow) -> None:
        said_again = replace(changed, event_id=ids.event_id(changed.event_id, "GenerationMetadataChanged"))
        again = replace(event, envelope=said_again, metadata=first.comment or "{}", request_hash="")
        await send(commands.log, CONVERSATION_EVENTS, row.conversation_id, again, key)

    await settle(commands.reads, command, at, restore)
    token = commands.own_writes.wrote(row.conversation_id, caller.user_id, at)
    return json_answer(said, 200, {POSITION_HEADER: str(token)})


@router.delete("/{completion_id}")
async def delete_chat_completion(
    request: Request, caller: WriteCaller, completion_id: str, fresh: Fresh, ports: Kept, commands: Commands
) -> Response:
    """Final: it is shown nowhere any more. Its bill stays."""
    one = await kept(ports, fresh, caller.user_id, completion_id)
    author, key, row = author_of(request, caller), idempotency_key(request), one.row
    token = None
    # The first choice, by which the completion is found, goes last: a request that was cut short can be repeated.
    for generation_id in reversed(generations_of(one.command)):
        event = GenerationDeleted(
            envelope=author.envelope(generation_id, "GenerationDeleted"),
            conversation_id=row.conversation_id,
            user_id=caller.user_id,
            generation_id=generation_id,
        )
        at = await send(commands.log, CONVERSATION_EVENTS, row.conversation_id, event, key)
        token = commands.own_writes.wrote(row.conversation_id, caller.user_id, at)
    answer = {"object": "chat.completion.deleted", "id": completion_id, "deleted": True}
    return json_answer(answer, 200, {POSITION_HEADER: str(token)})


@router.get("/{completion_id}/messages")
async def list_chat_completion_messages(
    caller: AnswerCaller,
    completion_id: str,
    fresh: Fresh,
    ports: Kept,
    after: After = None,
    limit: Limit = 20,
    order: Literal["asc", "desc"] = "asc",
) -> Response:
    """The messages that a stored chat completion answered, the first one first."""
    one = await kept(ports, fresh, caller.user_id, completion_id)
    numbered = [(f"{completion_id}-{nth}", message) for nth, message in enumerate(messages_of(one))]
    if order == "desc":
        numbered.reverse()
    places = [identity for identity, _ in numbered]
    if after is not None and after not in places:
        raise bad_request("Invalid value for 'after': none of the messages has this id.", param="after")
    start = 0 if after is None else places.index(after) + 1
    some = numbered[start : start + limit]
    pictures = await pictures_of(ports.blobs, [message for _, message in some])
    messages = [message_of(message, identity, pictures) for identity, message in some]
    return json_answer(page_of(messages, has_more=start + limit < len(numbered)))


def _filters(request: Request) -> dict[str, str]:
    """What the query asks of metadata. Raises ApiError 400 for too much."""
    found = {
        match[1]: value
        for name, value in request.query_params.multi_items()
        if (match := _FILTER.fullmatch(name)) is not None
    }
    if len(found) > MAX_FILTERS:
        raise bad_request(f"Invalid value for 'metadata': it holds more than {MAX_FILTERS} entries.", param="metadata")
    return found
