"""/v1/responses/compact and /v1/responses/input_tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import AskCaller, author_of
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.headers import REPLAYED_HEADER
from api.openai.leaving import KEYED_GRACE_S, abandoning
from api.responses.compacting import Compacting, compaction
from api.responses.creating import asked_at
from api.responses.ports import Responses
from api.responses.requests import Asked, Asking, CompactResponse
from api.responses.whole import WholeResponse, json_response
from api.turns.images import MAX_IMAGES_BYTES
from api.turns.ports import Turns
from infra.clock import monotonic_s

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post("/compact", openapi_extra=openapi_body(CompactResponse))
async def compact(
    request: Request, caller: AskCaller, bodies: BodyReader, fresh: Fresh, turns: Turns, responses: Responses
) -> Response:
    """Sum a conversation up. The output stands for all of it: give it as input, without previous_response_id."""
    arrived_s = monotonic_s()
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    asked = await bodies.read_as(request, CompactResponse, Asked.to_compact, images_bytes=images_bytes)
    author, key = author_of(request, caller), idempotency_key(request)
    opened = await Compacting(fresh, turns, responses, author, key).compact(asked)
    try:
        asked_at_us = await asked_at(turns, opened)
    except BaseException:
        opened.release()
        raise
    return WholeResponse(
        turns.readers,
        caller,
        opened,
        lambda: compaction(opened, asked_at_us, responses),
        abandoning(turns.ask, author, opened, max(turns.grace_s, KEYED_GRACE_S if key.given else 0.0)),
        {REPLAYED_HEADER: "true"} if opened.replayed else {},
        arrived_s,
    )


@router.post("/input_tokens", openapi_extra=openapi_body(Asking))
async def count_input_tokens(
    request: Request, caller: AskCaller, bodies: BodyReader, fresh: Fresh, turns: Turns, responses: Responses
) -> Response:
    """Count the tokens of a prompt, with what it follows. No model is asked."""
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    asked = await bodies.read_as(request, Asking, Asked.to_count, images_bytes=images_bytes)
    author, key = author_of(request, caller), idempotency_key(request)
    tokens = await Compacting(fresh, turns, responses, author, key).count(asked)
    return json_response({"object": "response.input_tokens", "input_tokens": tokens})
