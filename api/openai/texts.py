"""POST /v1/completions, as older clients ask: a prompt is one user message, an answer is its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.access.auth import AskCaller
from api.consistency.request_hash import request_hash
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import bad_request, unsupported
from api.openai.answering import Dialect, answer
from api.openai.requests.asked import Asked
from api.openai.requests.body import MAX_TOKENS, StreamOptions
from api.openai.requests.fields import LenientBody, Stop
from api.openai.shapes import ChoiceFrames, completion_usage, finish_reason_of, sum_of
from api.streaming.endings import Ending
from api.streaming.pieces import Piece, PlacedPiece, parts_said
from api.turns.alternatives import Alternatives
from api.turns.images import Images
from api.turns.ports import Turns
from infra.clock import monotonic_s
from schemas.conversation import ChatMessage, Sampling
from schemas.generation import Turn
from schemas.parts import VISIBLE
from schemas.turns import MAX_CHOICES

router = APIRouter(prefix="/v1", tags=["openai"])
SURFACE = "completions"


def _prompt(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    raise PydanticCustomError("prompt_type", "expected a string, or a list of one string")


Prompt = Annotated[
    str,
    StringConstraints(min_length=1),
    BeforeValidator(_prompt),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 1}]}),
]


class CompletionRequest(LenientBody):
    """What changes the answer and cannot be done here is refused."""

    model: str = Field(min_length=1, max_length=200)
    prompt: Prompt
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    stop: Stop = None
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    user: str | None = None
    models: Alternatives | None = None

    # Refused unless they say what is so anyway.
    best_of: Any = None
    echo: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    suffix: Any = None


_HARMLESS: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "logit_bias": ({},),
    "logprobs": (False, 0),
    "suffix": ("",),
}


def asked_of(request: CompletionRequest) -> Asked:
    """What is asked for. Raises ApiError 400 for what cannot be done."""
    for name, harmless in _HARMLESS.items():
        value = getattr(request, name)
        if value is not None and value not in harmless:
            raise unsupported(name, f"'{name}' is not supported by this server.")
    if request.stream_options is not None and not request.stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is true.", param="stream_options"
        )
    said = request.model_dump(exclude_none=True, exclude={"stream", "stream_options"})
    options = request.stream_options
    return Asked(
        surface=SURFACE,
        model=request.model,
        messages=(ChatMessage("user", request.prompt),),
        images=Images(),
        sampling=Sampling(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop=tuple(request.stop or ()),
            seed=request.seed,
            frequency_penalty=request.frequency_penalty,
            presence_penalty=request.presence_penalty,
        ),
        tooling=None,
        choices=request.n or 1,
        models=tuple(request.models or ()),
        request_hash=request_hash("completions", said),
        stream=bool(request.stream),
        include_usage=bool(options is not None and options.include_usage),
    )


@router.post("/completions", openapi_extra=openapi_body(CompletionRequest))
async def create_completion(request: Request, caller: AskCaller, bodies: BodyReader, turns: Turns) -> Response:
    """Create a completion of a text: the answer of a chat whose one message is the prompt."""
    arrived_s = monotonic_s()
    asked = await bodies.read_as(request, CompletionRequest, asked_of)
    return await answer(request, caller, turns, asked, TEXTS, arrived_s)


def text_completion(turn: Turn, started_at_us: int, answered: Sequence[tuple[Sequence[Piece], Ending]]) -> bytes:
    """The answer of a request that does not stream."""
    choices = [_choice(index, _text(pieces), finish_reason_of(end)) for index, (pieces, end) in enumerate(answered)]
    usage = completion_usage(sum_of([ending.usage for _, ending in answered]))
    return orjson.dumps({**_head(turn, started_at_us), "choices": choices, "usage": usage})


class TextFrames(ChoiceFrames):
    """The dialect of one choice of a streamed completion of a text."""

    def start(self, turn: Turn, started_at_us: int) -> bytes:
        self._head = b"data: " + orjson.dumps(_head(turn, started_at_us))[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self._include_usage else b"]}\n\n"
        self._before = self._head + b'{"text":'
        self._after = b',"index":%d,"logprobs":null,"finish_reason":null}' % self._index + self._tail
        return b""

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        texts = [text for piece in pieces[first:stop] if (text := _shown(piece))]
        return [self._before + text + self._after for text in texts]

    def _choice(self, delta: dict[str, str], finish_reason: str | None) -> bytes:
        return self._head + orjson.dumps(_choice(self._index, "", finish_reason)) + self._tail


TEXTS = Dialect(text_completion, TextFrames, "prompt")


def _shown(piece: Piece) -> bytes:
    """The text of a piece as JSON; empty where it is no text."""
    if not isinstance(piece, PlacedPiece):
        return piece
    return piece.text if piece.part.kind in VISIBLE else b""


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(part.text for part in parts_said(pieces) if part.kind in VISIBLE)


def _head(turn: Turn, started_at_us: int) -> dict[str, Any]:
    return {
        "id": "cmpl-" + turn.generation_id.replace("-", ""),
        "object": "text_completion",
        "created": started_at_us // 1_000_000,
        "model": turn.model,
    }


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
