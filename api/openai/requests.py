"""The parameters of POST /v1/chat/completions and their meaning here. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.consistency.request_hash import request_hash
from api.http.bodies import StrictBody
from api.http.errors import ApiError, bad_request
from infra.models.json_schemas import ANY_OBJECT, UnsupportedSchema, check_schema
from infra.models.spec import ModelSpec
from schemas.codec import write_level
from schemas.conversation import ChatMessage, Sampling

MAX_MESSAGES = 4_096
MAX_PARTS = 1_000
"""Parts of one message."""
MAX_TOKENS = 2**31 - 1
MAX_STOPS = 4
MAX_ANNOTATIONS = 128
MAX_METADATA = 16
FORMATS_FROM_LEVEL = 3
"""The write level from which records say what form an answer must have."""


class ContentPart(StrictBody):
    """A part of a message: text, or a model's refusal. `cache_control` is for servers that charge by it."""

    type: Literal["text", "refusal"]
    text: str | None = None
    refusal: str | None = None
    cache_control: Any = None


_TEXT_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
}


def _parts(value: Any) -> Any:
    """A string is the one part of its content. Unions would make every mistake a mistake of the other type."""
    if isinstance(value, str):
        return [ContentPart(type="text", text=value)]
    if value is None or isinstance(value, list):
        return value
    raise PydanticCustomError("content_type", "expected a string or a list of text parts")


def _several(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if value is None or isinstance(value, list):
        return value
    raise PydanticCustomError("stop_type", "expected a string or a list of strings")


def _nothing(value: Any) -> Any:
    """What histories carry without meaning anything by it."""
    if value is None or value == []:
        return None
    raise PydanticCustomError("unsupported", "it is not supported by this server; leave it out or send null")


Content = Annotated[
    Annotated[list[ContentPart], Field(fail_fast=True, max_length=MAX_PARTS)] | None,
    BeforeValidator(_parts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _TEXT_PART}]}),
]
Nothing = Annotated[None, BeforeValidator(_nothing), WithJsonSchema({"type": "null"})]
Stops = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=256)]],
    Field(max_length=MAX_STOPS),
]
Stop = Annotated[
    Stops | None,
    BeforeValidator(_several),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MAX_STOPS}]}
    ),
]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=MAX_METADATA),
]


class RequestMessage(StrictBody):
    """A message as we, or a client's SDK, hand it out: what it carries beside its text is taken and means nothing."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content = None
    name: str | None = Field(default=None, max_length=64)
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: Nothing = None
    function_call: Nothing = None
    audio: Nothing = None
    annotations: list[Any] | None = Field(default=None, max_length=MAX_ANNOTATIONS)


class StreamOptions(StrictBody):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class JsonSchemaFormat(StrictBody):
    """`strict` false would mean the same: an engine holds an answer to a schema, or does not."""

    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    # `schema` is a name of pydantic's own
    wanted: Any = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(StrictBody):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class ChatCompletionRequest(StrictBody):
    """Fields that change the answer and that no engine here honours are refused; those that change nothing are not."""

    model: str = Field(min_length=1, max_length=200)
    messages: Annotated[list[RequestMessage], Field(fail_fast=True, min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    stop: Stop = None
    n: int | None = None
    response_format: ResponseFormat | None = None

    # Accepted and without effect on the text.
    metadata: Metadata | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    verbosity: str | None = None

    # Refused unless they say what is so anyway.
    audio: Any = None
    function_call: Any = None
    functions: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    modalities: Any = None
    moderation: Any = None
    prediction: Any = None
    tool_choice: Any = None
    tools: Any = None
    web_search_options: Any = None

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options is not None and self.stream_options.include_usage)


_HARMLESS: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
}
"""In the order in which they are told of."""
_REFUSABLE = (
    *_HARMLESS,
    "audio",
    "moderation",
    "prediction",
    "web_search_options",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, checked."""

    model: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    request_hash: str
    stream: bool
    include_usage: bool

    @classmethod
    def of(cls, request: ChatCompletionRequest) -> Asked:
        """Raises ApiError 400 for what cannot be done."""
        check_supported(request)
        sampling, messages = sampling_of(request), messages_of(request)
        hashed = request_hash("chat.completions", stated(request))
        return cls(request.model, messages, sampling, hashed, bool(request.stream), request.include_usage)


def check_supported(request: ChatCompletionRequest) -> None:
    """Raises ApiError 400 for what was asked and cannot be done."""
    if request.n not in (None, 1):
        raise _unsupported("n", "Only n=1 is supported.")
    for name in _REFUSABLE:
        value = getattr(request, name)
        if value is not None and value not in _HARMLESS.get(name, ()):
            raise _unsupported(name, f"'{name}' is not supported by this server.")
    if request.top_logprobs is not None:
        raise bad_request(
            "The 'top_logprobs' parameter is only allowed with 'logprobs', which is not supported by this server.",
            param="top_logprobs",
        )
    if request.stream_options is not None and not request.stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is true.", param="stream_options"
        )


def check_format(spec: ModelSpec, asked: Asked) -> None:
    """Raises ApiError 400 for a form of the answer that this model, or a release that may still run, does not know."""
    if not asked.sampling.response_schema:
        return
    if "json" not in spec.capabilities:
        raise _unsupported("response_format", f"'response_format' is not supported by the model {spec.id!r}.")
    if write_level() < FORMATS_FROM_LEVEL:
        raise _unsupported("response_format", "'response_format' is not supported until the upgrade is finished.")


def sampling_of(request: ChatCompletionRequest) -> Sampling:
    """Raises ApiError 400 when both names of the token limit are given and differ."""
    newer, older = request.max_completion_tokens, request.max_tokens
    if newer is not None and older is not None and newer != older:
        raise bad_request("Send max_completion_tokens or max_tokens, not both.", param="max_tokens")
    return Sampling(
        response_schema=_response_schema(request.response_format),
        max_tokens=older if newer is None else newer,
        temperature=request.temperature,
        top_p=request.top_p,
        stop=tuple(request.stop or ()),
        seed=request.seed,
        frequency_penalty=request.frequency_penalty,
        presence_penalty=request.presence_penalty,
    )


def _response_schema(asked: ResponseFormat | None) -> str:
    """The schema of the answer as JSON, empty for any text. Raises ApiError 400 naming what no grammar can hold."""
    if asked is None or asked.type == "text":
        return ""
    if asked.type == "json_object":
        return json.dumps(ANY_OBJECT)
    param = "response_format.json_schema.schema"
    if asked.json_schema is None or asked.json_schema.wanted is None:
        raise bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    try:
        check_schema(asked.json_schema.wanted)
    except UnsupportedSchema as error:
        raise bad_request(f"Invalid schema: {error}.", param=param) from None
    return json.dumps(asked.json_schema.wanted, ensure_ascii=False)


def messages_of(request: ChatCompletionRequest) -> tuple[ChatMessage, ...]:
    """The context, inline; `developer` is today's name of `system`.

    Raises ApiError 400 for a message without content, and for parts that do not hold what they say they do.
    """
    messages = []
    for index, message in enumerate(request.messages):
        role = "system" if message.role == "developer" else message.role
        messages.append(ChatMessage(role, _text(message, f"messages[{index}]"), message.name))
    return tuple(messages)


def _text(message: RequestMessage, where: str) -> str:
    """What a message says: its parts, one line or more each; a refusal where it says nothing else."""
    refusal = message.refusal if message.role == "assistant" else None
    if message.content is None:
        if refusal is None:
            raise bad_request(
                f"Invalid value for '{where}.content': expected a string, got null.",
                code="invalid_type",
                param=f"{where}.content",
            )
        return refusal
    texts = [_part(part, message.role, f"{where}.content[{n}]") for n, part in enumerate(message.content)]
    return "\n".join(texts) or refusal or ""


def _part(part: ContentPart, role: str, where: str) -> str:
    if part.type == "refusal" and role != "assistant":
        raise bad_request(
            f"Invalid value for '{where}.type': only an assistant message may contain a refusal.", param=f"{where}.type"
        )
    text, other = (part.text, "refusal") if part.type == "text" else (part.refusal, "text")
    if text is None:
        param = f"{where}.{part.type}"
        raise bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    if getattr(part, other) is not None:
        raise bad_request(f"Unknown parameter: '{where}.{other}'.", code="unknown_parameter", param=f"{where}.{other}")
    return text


def stated(request: ChatCompletionRequest) -> dict[str, Any]:
    """What the caller asked for, without how it is delivered."""
    said = request.model_dump(exclude_none=True, exclude={"messages", "stream", "stream_options"})
    # One by one: all of them in one call would hold the interpreter's lock.
    return {**said, "messages": [message.model_dump(exclude_none=True) for message in request.messages]}


def _unsupported(param: str, message: str) -> ApiError:
    return bad_request(message, code="unsupported_parameter", param=param)
