"""/api/v1/conversations/{id}/messages: send a prompt, or ask for another answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import AskCaller, author_of
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh
from api.consistency.ownership import Conversation, conversation_of
from api.consistency.request_hash import request_hash
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import bad_request
from api.turns.alternatives import check_alternatives
from api.turns.answering import event_stream
from api.turns.ask import ask
from api.turns.intents import Asking, PromptIntent, RegenerateIntent
from api.turns.parents import parent_of, settled_message
from api.turns.ports import Turns
from api.turns.prompting import required_text
from api.turns.sampling import SampledBody
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue, ModelSpec
from schemas.conversation import ChatMessage

router = APIRouter(prefix="/api/v1/conversations/{conversation_id}/messages", tags=["messages"])


class SendMessage(SampledBody):
    """`parent_message_id`: the answer this prompt follows; left out: the newest; "root": none, a new beginning."""

    content: str
    parent_message_id: str | None = Field(default=None, min_length=1, max_length=100)
    model: str | None = Field(default=None, min_length=1, max_length=200)


class Regenerate(SampledBody):
    model: str | None = Field(default=None, min_length=1, max_length=200)


@router.post("", openapi_extra=openapi_body(SendMessage))
async def send_message(
    request: Request, caller: AskCaller, conversation_id: str, bodies: BodyReader, fresh: Fresh, turns: Turns
) -> Response:
    """Say something; the answer is a stream of server-sent events. With an Idempotency-Key, a retry joins the
    same stream."""
    arrived_s = monotonic_s()
    body = await bodies.read(request, SendMessage)
    required_text(body.content, "content")
    key = idempotency_key(request, body.request_id)
    conversation = await conversation_of(fresh, caller.user_id, conversation_id, row_needed=False)
    asking = Asking(
        author=author_of(request, caller),
        key=key,
        conversation_id=conversation_id,
        request_hash=request_hash("message", body.asked()),
        alternatives=tuple(body.models or ()),
    )

    async def prompt(instead: str | None) -> PromptIntent:
        streams = turns.streams
        spec = _model(turns.own_models.of(asking.author.limited), instead or body.model, conversation, asking)
        said = ChatMessage("user", body.content)
        tokens = await turns.prompts.check_context(spec, [said], "content")
        request = body.request()
        if body.instructions is not None:
            system = ChatMessage("system", body.instructions)
            await turns.prompts.check_context(spec, [system, said], "instructions")
        parent_id = await parent_of(
            fresh, turns.messages, streams.hub, conversation, body.parent_message_id, asking.generation_id
        )
        return PromptIntent(
            spec=spec,
            tokens=tokens,
            content=body.content,
            parent_id=parent_id,
            sampling=body.sampling,
            request=request,
        )

    opened = await ask(turns.ask, asking, prompt)
    return event_stream(turns, caller, opened, arrived_s=arrived_s)


@router.post("/{message_id}/regenerate", openapi_extra=openapi_body(Regenerate, required=False))
async def regenerate(
    request: Request,
    caller: AskCaller,
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
    asking = Asking(
        author=author_of(request, caller),
        key=key,
        conversation_id=conversation_id,
        request_hash=request_hash("regenerate", {"message_id": message_id, **body.asked()}),
        alternatives=tuple(body.models or ()),
    )

    async def again(instead: str | None) -> RegenerateIntent:
        row = await settled_message(fresh, turns.messages, conversation, message_id)
        prompt_id = row.message_id if row.role == "user" else row.parent_message_id
        if prompt_id is None:
            raise bad_request("This message is not an answer to a prompt.", param="message_id")
        # Who wrote an appended message need not be a model of this installation.
        name = instead or body.model or (None if row.appended else row.model)
        spec = _model(turns.own_models.of(asking.author.limited), name, conversation, asking)
        return RegenerateIntent(spec=spec, prompt_id=prompt_id, sampling=body.sampling, request=body.request())

    opened = await ask(turns.ask, asking, again)
    return event_stream(turns, caller, opened, arrived_s=arrived_s)


def _model(models: ModelCatalogue, asked: str | None, conversation: Conversation, asking: Asking) -> ModelSpec:
    """The model of a turn: the request's, else the conversation's, else the default. Raises ModelNotFound, and
    ApiError 404 for an alternative that the caller has not."""
    check_alternatives(models, asking.alternatives)
    name = asked or conversation.model
    return models.default_model if name is None else models.get(name)
