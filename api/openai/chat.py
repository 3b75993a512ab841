"""POST /v1/chat/completions: a command with its context inline; the stream has OpenAI's shape."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import AskCaller
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.openai.answering import Dialect, answer
from api.openai.functions import FunctionFrames, function_completion
from api.openai.requests.asked import Asked
from api.openai.requests.body import ChatCompletionRequest
from api.openai.shapes import ChoiceFrames, completion
from api.turns.images import MAX_IMAGES_BYTES
from api.turns.ports import Turns
from infra.clock import monotonic_s

router = APIRouter(prefix="/v1", tags=["openai"])
CHAT = Dialect(completion, ChoiceFrames, "messages")
FUNCTIONS = Dialect(function_completion, FunctionFrames, "messages")


@router.post("/chat/completions", openapi_extra=openapi_body(ChatCompletionRequest))
async def create_chat_completion(request: Request, caller: AskCaller, bodies: BodyReader, turns: Turns) -> Response:
    """Create a chat completion, as OpenAI does: streaming or not."""
    arrived_s = monotonic_s()
    images_bytes = MAX_IMAGES_BYTES if turns.sees_images else 0
    asked = await bodies.read_as(request, ChatCompletionRequest, Asked.of, images_bytes=images_bytes)
    return await answer(request, caller, turns, asked, FUNCTIONS if asked.functions else CHAT, arrived_s)
