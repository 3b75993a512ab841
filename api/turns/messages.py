"""/api/v1/conversations/{id}/messages: say something, ask again."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Caller, author_of
from api.access.key_cache import Principal
from api.consistency.commanding import IdempotencyKey, idempotency_key
from api.consistency.freshness import Fresh
from api.consistency.ownership import Conversation, conversation_of
from api.http.answers import openapi_body
from api.http.bodies import BodyReader, CommandBody
from api.http.errors import bad_request
from api.http.request_hash import request_hash
from api.turns.answering import event_stream
from api.turns.openings import Opened, begin, find_repeat
from api.turns.parents import parent_of, settled_message
from api.turns.ports import TurnPorts, Turns
from api.turns.prompting import SERVICE_CLASS, TIER, deadline_us, required_text
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue, ModelSpec
from schemas import ids
from schemas.conversation import ChatMessage, PromptSubmitted, RegenerateRequested, Sampling
from schemas.envelope import Position
from schemas.turns import Command

router = APIRouter(prefix="/api/v1/conversations/{conversation_id}/messages", tags=["messages"])


class SendMessage(CommandBody):
    """`parent_message_id`: the answer this prompt follows; left out: the newest; "root": none, a new beginning."""

    content: str
    parent_message_id: str | None = Field(default=None, min_length=1, max_length=100)
    model: str | None = Field(default=None, min_length=1, max_length=200)


class Regenerate(CommandBody):
    model: str | None = Field(default=None, min_length=1, max_length=200)


@router.post("", openapi_extra=openapi_body(SendMessage))
async def send_message(
    request: Request, caller: Caller, conversation_id: str, bodies: BodyReader, fresh: Fresh, turns: Turns
) -> Response:
    """Say something; the answer is a stream of server-sent events. With an Idempotency-Key, a retry joins the
    same stream."""
    arrived_s = monotonic_s()
    body = await bodies.read(request, SendMessage)
    required_text(body.content, "content")
    key = idempotency_key(request, body.request_id)
    conversation = await conversation_of(fresh, caller.user_id, conversation_id, row_needed=False)
    message_id = ids.message_id(caller.user_id, conversation_id, key.value)
    asked = request_hash("message", body.asked())
    known = await _repeat(turns, caller, message_id, asked, key)
    if known is not None:
        return event_stream(turns, caller, known)
    spec = _model(turns.streams.models, body.model, conversation)
    prompt_tokens = await turns.prompts.check_context(spec, [ChatMessage("user", body.content)], "content")
    generation_id = ids.generation_id(message_id)
    parent = await parent_of(
        fresh, turns.messages, turns.streams.hub, conversation, body.parent_message_id, generation_id
    )
    if parent == generation_id:
        # A request with the same key came first while this one looked around; whichever is first in the log counts.
        known = await _repeat(turns, caller, message_id, asked, key)
        if known is not None:
            return event_stream(turns, caller, known)
        parent = None

    def prompt(tail: Position) -> Command:
        return PromptSubmitted(
            envelope=author_of(request, caller).envelope(message_id, "PromptSubmitted"),
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

    return await _answer(turns, caller, conversation_id, message_id, spec, prompt, key, arrived_s)


@router.post("/{message_id}/regenerate", openapi_extra=openapi_body(Regenerate, required=False))
async def regenerate(
    request: Request,
    caller: Caller,
    conversation_id: str,
    message_id: str,
    bodies: BodyReader,
    fresh: Fresh,
    turns: Turns,
) -> Response:
    """Ask for another answer, as a branch. `message_id` names a prompt, or one of its answers."""
    arrived_s = monotonic_s()
    body = await bodies.read(request, Regenerate, empty_is_object=True)
    key = idempotency_key(request, body.request_id)
    conversation = await conversation_of(fresh, caller.user_id, conversation_id, row_needed=False)
    command_id = ids.message_id(caller.user_id, conversation_id, key.value)
    asked = request_hash("regenerate", {"message_id": message_id, **body.asked()})
    known = await _repeat(turns, caller, command_id, asked, key)
    if known is not None:
        return event_stream(turns, caller, known)
    row = await settled_message(fresh, turns.messages, conversation, message_id)
    prompt_id = row.message_id if row.role == "user" else row.parent_message_id
    if prompt_id is None:
        raise bad_request("This message is not an answer to a prompt.", param="message_id")
    spec = _model(turns.streams.models, body.model or row.model, conversation)

    def command(tail: Position) -> Command:
        return RegenerateRequested(
            envelope=author_of(request, caller).envelope(command_id, "RegenerateRequested"),
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

    return await _answer(turns, caller, conversation_id, command_id, spec, command, key, arrived_s)


async def _repeat(
    turns: TurnPorts, caller: Principal, command_id: str, asked: str, key: IdempotencyKey
) -> Opened | None:
    if not key.given:
        return None
    return await find_repeat(turns.streams, caller.user_id, ids.generation_id(command_id), asked)


async def _answer(
    turns: TurnPorts, caller: Principal, conversation_id: str, command_id: str, spec: ModelSpec,
    make: Callable[[Position], Command], key: IdempotencyKey, arrived_s: float,
) -> Response:  # fmt: skip
    opened = await begin(
        turns,
        make,
        ids.generation_id(command_id),
        conversation_id,
        caller.user_id,
        key.value,
        keyed=key.given,
    )
    return event_stream(turns, caller, opened, arrived_s=arrived_s)


def _model(models: ModelCatalogue, asked: str | None, conversation: Conversation) -> ModelSpec:
    """The model of a turn: the request's, else the conversation's, else the default. Raises ModelNotFound."""
    name = asked or conversation.model
    return models.default_model if name is None else models.get(name)
