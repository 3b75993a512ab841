"""What a request for a chat completion asks for. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.consistency.request_hash import request_hash
from api.consistency.upgrading import FORMATS_FROM_LEVEL, PARTS_FROM_LEVEL, check_written
from api.http.errors import bad_request, unsupported
from api.openai.requests.body import ChatCompletionRequest
from api.openai.requests.formats import response_schema
from api.openai.requests.messages import RequestMessage, messages_of
from api.openai.requests.tools import legacy_tooling, tooling
from api.turns.images import Images
from api.turns.tools import offered
from infra.models.spec import ModelSpec
from schemas.codec import write_level
from schemas.conversation import ChatMessage, Request, Sampling
from schemas.parts import Tooling

SURFACE = "chat_completions"
MAX_TEMPLATE_ARGUMENTS = 16_384
"""Characters of `chat_template_kwargs`, as JSON."""

_HARMLESS: dict[str, tuple[Any, ...]] = {"logit_bias": ({},), "modalities": (["text"],)}
"""In the order in which they are told of."""
_REFUSABLE = (*_HARMLESS, "audio", "moderation", "web_search_options")
_EXTENDED = (
    ("top_k", "top_k"),
    ("min_p", "min_p"),
    ("repetition_penalty", "repetition_penalty"),
    ("chat_template_kwargs", "template_kwargs"),
)
"""What only some engines know: the parameters, and what records call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for, checked as far as that does not depend on the model.

    `functions`: its tools came in the earlier shape, and so does the answer. `models`: those that may answer instead.
    """

    surface: str
    model: str
    messages: tuple[ChatMessage, ...]
    images: Images
    sampling: Sampling
    tooling: Tooling | None
    choices: int
    store: bool = False
    metadata: dict[str, str] | None = None
    functions: bool = False
    models: tuple[str, ...] = ()
    request_hash: str
    stream: bool
    include_usage: bool

    @classmethod
    def of(cls, request: ChatCompletionRequest) -> Asked:
        """Raises ApiError 400 for what cannot be done."""
        check_supported(request)
        images = Images()
        return cls(
            surface=SURFACE,
            model=request.model,
            messages=messages_of(request.messages, images),
            images=images,
            sampling=sampling_of(request),
            tooling=_tooling(request),
            choices=request.n or 1,
            store=bool(request.store),
            metadata=request.metadata,
            functions=bool(request.functions),
            models=tuple(request.models or ()),
            request_hash=request_hash("chat.completions", stated(request, images.digests)),
            stream=bool(request.stream),
            include_usage=request.include_usage,
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is asked of one model. `request` None: nothing that a command of the first releases does not say."""

    sampling: Sampling
    request: Request | None


def fit(spec: ModelSpec, asked: Asked) -> Fitted:
    """What this model is asked. Raises ApiError 400 for what it, or a release that may still run, does not know."""
    _check_messages(spec, asked.messages)
    tools = offered(spec, asked.tooling)
    if tools is not None:
        check_written("tools")
    if asked.choices > 1:
        check_written("n")
    if asked.store:
        check_written("store")
    # Notes are for what is read again.
    notes = json.dumps(asked.metadata, ensure_ascii=False) if asked.store and asked.metadata else None
    said = Request(surface=asked.surface, tooling=tools, choices=asked.choices, store=asked.store, metadata=notes)
    return Fitted(_sampling(spec, asked.sampling), None if said == Request(surface=asked.surface) else said)


def _check_messages(spec: ModelSpec, messages: Sequence[ChatMessage]) -> None:
    for nth, message in enumerate(messages):
        if "vision" not in spec.capabilities and any(part.kind == "image" for part in message.parts):
            raise unsupported(f"messages[{nth}].content", f"Images are not supported by the model {spec.id!r}.")
    if any(message.parts for message in messages):
        check_written("messages")


def _sampling(spec: ModelSpec, asked: Sampling) -> Sampling:
    if asked.response_schema:
        if "json" not in spec.capabilities:
            raise unsupported("response_format", f"'response_format' is not supported by the model {spec.id!r}.")
        check_written("response_format", FORMATS_FROM_LEVEL)
    if asked.top_logprobs is not None:
        if "logprobs" not in spec.capabilities:
            raise unsupported("logprobs", f"'logprobs' is not supported by the model {spec.id!r}.")
        check_written("logprobs")
    for param, name in _EXTENDED:
        if getattr(asked, name) not in (None, ""):
            if "extended_sampling" not in spec.capabilities:
                raise unsupported(param, f"'{param}' is not supported by the model {spec.id!r}.")
            check_written(param)
    if asked.reasoning_effort and ("reasoning" not in spec.capabilities or write_level() < PARTS_FROM_LEVEL):
        # A model that does not think makes no effort of any kind.
        return replace(asked, reasoning_effort="")
    return asked


def check_supported(request: ChatCompletionRequest) -> None:
    """Raises ApiError 400 for what was asked and cannot be done."""
    for name in _REFUSABLE:
        value = getattr(request, name)
        if value is not None and value not in _HARMLESS.get(name, ()):
            raise unsupported(name, f"'{name}' is not supported by this server.")
    if request.top_logprobs is not None and not request.logprobs:
        raise bad_request("The 'top_logprobs' parameter is only allowed with 'logprobs': true.", param="top_logprobs")
    if request.stream_options is not None and not request.stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is true.", param="stream_options"
        )


def sampling_of(request: ChatCompletionRequest) -> Sampling:
    """Raises ApiError 400 when both names of the token limit are given and differ."""
    newer, older = request.max_completion_tokens, request.max_tokens
    if newer is not None and older is not None and newer != older:
        raise bad_request("Send max_completion_tokens or max_tokens, not both.", param="max_tokens")
    return Sampling(
        response_schema=response_schema(request.response_format),
        max_tokens=older if newer is None else newer,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=tuple(request.stop or ()),
        seed=request.seed,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
        top_k=request.top_k,
        min_p=request.min_p,
        repetition_penalty=request.repetition_penalty,
        reasoning_effort=request.reasoning_effort or "",
        top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        template_kwargs=_template_arguments(request.chat_template_kwargs),
    )


def _template_arguments(given: dict[str, Any] | None) -> str:
    said = json.dumps(given, ensure_ascii=False, separators=(",", ":")) if given else ""
    if len(said) > MAX_TEMPLATE_ARGUMENTS:
        raise bad_request(
            f"Invalid value for 'chat_template_kwargs': it is longer than {MAX_TEMPLATE_ARGUMENTS} characters.",
            param="chat_template_kwargs",
        )
    return said


def _tooling(request: ChatCompletionRequest) -> Tooling | None:
    """The tools, in whichever shape they are stated. Raises ApiError 400 for both shapes at once."""
    if request.functions or request.function_call not in (None, "none", "auto"):
        if request.tools:
            raise bad_request("Send 'tools' or 'functions', not both.", param="functions")
        return legacy_tooling(request.functions, request.function_call)
    return tooling(request.tools, request.tool_choice, request.parallel_tool_calls)


def stated(request: ChatCompletionRequest, images: Sequence[str] = ()) -> dict[str, Any]:
    """What the caller asked for, without how it is delivered. `images`: the digests that stand for them."""
    said = request.model_dump(exclude_none=True, exclude={"messages", "stream", "stream_options"})
    if images:
        said["images"] = list(images)
    # One by one: all of them in one call would hold the interpreter's lock.
    return {**said, "messages": [_stated_message(message) for message in request.messages]}


def _stated_message(message: RequestMessage) -> dict[str, Any]:
    return message.model_dump(exclude_none=True, exclude={"content": {"__all__": {"image_url": {"url"}}}})
