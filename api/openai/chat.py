"""POST /v1/chat/completions: a command with its context inline; the stream has OpenAI's shape."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import Caller, author_of
from api.consistency.commanding import idempotency_key
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.headers import REPLAYED_HEADER
from api.openai.choices import ChoiceStream
from api.openai.leaving import abandoning, refusal, stopping
from api.openai.requests.asked import Asked, fit
from api.openai.requests.body import ChatCompletionRequest
from api.openai.shapes import ChoiceFrames, ChunkFrames, completion
from api.openai.whole import WholeCompletion
from api.streaming.sse import EventStream
from api.turns.ask import ask
from api.turns.images import MAX_IMAGES_BYTES, keep
from api.turns.intents import Asking, PromptIntent
from api.turns.ports import Turns
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.models.tool_tokens import tools_message
from schemas import ids

KEYED_GRACE_S = 12.0
"""A client that sent a key may come back for its answer: those of OpenAI pause up to 8 s between two tries."""

router = APIRouter(prefix="/v1", tags=["openai"])
_log = get_logger(__name__)


@router.post("/chat/completions", openapi_extra=openapi_body(ChatCompletionRequest))
async def create_chat_completion(request: Request, caller: Caller, bodies: BodyReader, turns: Turns) -> Response:
    """Create a chat completion, as OpenAI does: streaming or not."""
    arrived_s = monotonic_s()
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    asked = await bodies.read_as(request, ChatCompletionRequest, Asked.of, images_bytes=images_bytes)
    key = idempotency_key(request)
    asking = Asking(
        author=author_of(request, caller),
        key=key,
        conversation_id=ids.conversation_id(caller.user_id, key.value),
        request_hash=asked.request_hash,
        choices=asked.choices,
    )

    async def prompt() -> PromptIntent:
        spec = turns.streams.models.get(asked.model)
        fitted = fit(spec, asked)
        tools = tools_message(None if fitted.request is None else fitted.request.tooling)
        tokens = await turns.prompts.check_context(spec, (*tools, *asked.messages), "messages")
        await keep(turns.blobs, asked.images)
        return PromptIntent(
            spec=spec,
            tokens=tokens,
            kind="stateless",
            messages=asked.messages,
            sampling=fitted.sampling,
            request=fitted.request,
        )

    opened = await ask(turns.ask, asking, prompt)
    headers = {REPLAYED_HEADER: "true"} if opened.replayed else {}
    grace_s = max(turns.grace_s, KEYED_GRACE_S if key.given else 0.0)
    on_leave = abandoning(turns.ask, asking.author, opened, grace_s)
    stop = stopping(turns.ask, asking.author, opened)
    if not asked.stream:
        return WholeCompletion(completion, turns.readers, caller, opened, on_leave, stop, headers, arrived_s)
    if opened.others:
        frames = [ChoiceFrames(include_usage=asked.include_usage, index=index) for index in range(asked.choices)]
        return ChoiceStream(frames, turns.readers, caller, opened, on_leave, stop, headers, arrived_s)
    return EventStream(
        opened.source,
        ChunkFrames(include_usage=asked.include_usage),
        turns.readers,
        caller.key_sha256,
        opened.release,
        head_at_text=True,
        refuse=refusal,
        on_leave=on_leave,
        headers=headers,
        arrived_s=arrived_s,
    )
