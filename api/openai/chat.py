"""POST /v1/chat/completions: a command with its context inline; the stream has OpenAI's shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from starlette.types import Send

from api.access.auth import Caller, author_of
from api.access.key_cache import Principal
from api.consistency.commanding import Author, idempotency_key
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError, as_api_error, of_failure
from api.http.headers import REPLAYED_HEADER
from api.http.metrics import FIRST_FRAME_SECONDS
from api.openai.requests.asked import Asked, fit
from api.openai.requests.body import ChatCompletionRequest
from api.openai.shapes import CANCELLED, ChunkFrames, completion
from api.streaming.endings import Ending
from api.streaming.readers import Reader, Readers
from api.streaming.serving import ServedResponse
from api.streaming.sse import EventStream
from api.streaming.waiting import ended_within
from api.turns.ask import ask
from api.turns.cancelling import cancel
from api.turns.images import MAX_IMAGES_BYTES, keep
from api.turns.intents import Asking, PromptIntent
from api.turns.joining import Opened
from api.turns.ports import AskPorts, Turns
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
    on_leave = _abandon(turns.ask, asking.author, opened, grace_s)
    if not asked.stream:
        return WholeCompletion(turns.readers, caller, opened, on_leave, headers, arrived_s)
    return EventStream(
        opened.source,
        ChunkFrames(include_usage=asked.include_usage),
        turns.readers,
        caller.key_sha256,
        opened.release,
        head_at_text=True,
        refuse=_refusal,
        on_leave=on_leave,
        headers=headers,
        arrived_s=arrived_s,
    )


class WholeCompletion(ServedResponse):
    """Waits for the generation's end, then answers all of it."""

    def __init__(
        self,
        readers: Readers,
        caller: Principal,
        opened: Opened,
        on_leave: Callable[[], Awaitable[None]],
        headers: dict[str, str],
        arrived_s: float,
    ) -> None:
        super().__init__(readers, caller.key_sha256)
        self._opened = opened
        self._on_leave = on_leave
        self._answer_headers = headers
        self._arrived_s = arrived_s

    def listen(self, reader: Reader) -> None:
        self._opened.source.listen(reader)

    def leave(self, reader: Reader) -> None:
        self._opened.source.leave(reader)

    def release(self) -> None:
        self._opened.release()

    async def left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and self._opened.source.ending is None:
            await self._on_leave()

    async def serve(self, send: Send, reader: Reader) -> Response | None:
        """The answer, once there is one; None for a client that left."""
        source = self._opened.source
        while reader.gone is None:
            ending, turn = source.ending, source.turn
            if source.lost is not None:
                return as_api_error(source.lost).response()
            if ending is not None and turn is not None:
                refused = _refusal(ending)
                if refused is not None:
                    return refused.response()
                FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
                content = completion(turn, source.started_at_us, source.pieces, ending)
                return Response(content, 200, self._answer_headers, "application/json")
            reader.beat = False
            reader.sent_at_s = monotonic_s()
            await reader.wait()
        if reader.gone == "disconnected":
            return None
        return ApiError(503, "The stream was ended by the server. Please retry.", code=reader.gone).response()


def _refusal(ending: Ending) -> ApiError | None:
    """The error to answer for an ending, where nothing of it has been sent yet."""
    if ending.status == "failed" and ending.failure is not None:
        return of_failure(ending.failure)
    if ending.status == "cancelled":
        return ApiError(409, CANCELLED, code=ending.finish_reason, headers={"x-should-retry": "false"})
    return None


def _abandon(ports: AskPorts, author: Author, opened: Opened, grace_s: float) -> Callable[[], Awaitable[None]]:
    """What is done when the client leaves before the end: after a moment of grace the generation is cancelled,
    unless another client reads it."""

    async def abandon() -> None:
        try:
            if await ended_within(opened.source, grace_s) is not None:
                return
            feed = ports.streams.hub.by_generation(opened.turn.generation_id)
            if feed is None or not feed.watched:
                await cancel(ports.log, author, opened, None)
        except Exception as error:  # no client is left to tell; the deadline ends it
            _log.warning("an answer whose client left could not be cancelled", reason=type(error).__name__)

    return abandon
