"""The parameters of POST /v1/responses and their meaning here. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.consistency.request_hash import request_hash
from api.consistency.upgrading import FORMATS_FROM_LEVEL, check_written
from api.http.errors import ApiError, bad_request, unsupported
from api.openai.requests.fields import LenientBody, Metadata
from api.responses.items import MAX_ITEMS, Said, said_of
from api.responses.parameters import SURFACE, echo_of
from api.responses.shapes import CONVERSATION_PREFIX, RESPONSE_PREFIX, conversation_behind, generation_of
from api.turns.alternatives import Alternatives
from api.turns.images import Images
from api.turns.tools import definition, offered, tooling_of
from infra.models.json_schemas import ANY_OBJECT, UnsupportedSchema, check_schema
from infra.models.spec import ModelSpec
from schemas.conversation import Request, Sampling
from schemas.parts import Tooling

MAX_TOKENS = 2**31 - 1
MAX_INSTRUCTIONS = 1_000_000
"""Characters."""
MAX_TOOLS_SENT = 512
"""Tools of all types: those that no model here has are passed over."""


def _input(value: Any) -> Any:
    if value is None or isinstance(value, str | list):
        return value
    raise PydanticCustomError("input_type", "expected a string or a list of items")


def _reference(value: Any) -> Any:
    """A conversation, by its id or as an object with one."""
    match value:
        case None | str():
            return value
        case {"id": str(identity)}:
            return identity
        case _:
            raise PydanticCustomError("conversation_type", "expected the id of a conversation")


Input = Annotated[
    Any,
    BeforeValidator(_input),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]}),
]


class Format(LenientBody):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = Field(default=None, min_length=1, max_length=64)
    description: str | None = None
    wanted: Any = Field(default=None, alias="schema")
    strict: bool | None = None


class Text(LenientBody):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Reasoning(LenientBody):
    effort: str | None = Field(default=None, max_length=20)
    summary: str | None = Field(default=None, max_length=20)


class StreamOptions(LenientBody):
    include_obfuscation: bool | None = None


class Asking(LenientBody):
    """What `create` and `input_tokens` share: all that decides the prompt."""

    model: str | None = Field(default=None, min_length=1, max_length=200)
    input: Input = None
    instructions: str | None = Field(default=None, max_length=MAX_INSTRUCTIONS)
    previous_response_id: str | None = Field(default=None, max_length=100)
    conversation: Annotated[str | None, BeforeValidator(_reference)] = None
    tools: Annotated[list[Any], Field(max_length=MAX_TOOLS_SENT)] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    truncation: Literal["auto", "disabled"] | None = None


class CreateResponse(Asking):
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    background: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    max_output_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    max_tool_calls: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    include: Annotated[list[str], Field(max_length=32)] | None = None
    metadata: Metadata | None = None
    models: Alternatives | None = None
    user: str | None = Field(default=None, max_length=512)
    safety_identifier: str | None = Field(default=None, max_length=512)
    prompt_cache_key: str | None = Field(default=None, max_length=512)
    service_tier: str | None = Field(default=None, max_length=20)

    # Known, and not done here.
    prompt: Any = None
    moderation: Any = None
    context_management: Any = None


class CompactResponse(LenientBody):
    model: str = Field(min_length=1, max_length=200)
    input: Input = None
    instructions: str | None = Field(default=None, max_length=MAX_INSTRUCTIONS)
    previous_response_id: str | None = Field(default=None, max_length=100)
    models: Alternatives | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for, checked as far as that does not depend on the model or on what is stored.

    `previous`: the generation that it follows; `conversation_id`: the conversation that it goes on in; at most one.
    `models`: those that may answer instead of `model`.
    """

    model: str | None
    said: tuple[Said, ...]
    images: Images
    previous: str | None
    conversation_id: str | None
    sampling: Sampling
    tooling: Tooling | None
    request: Request
    request_hash: str
    stream: bool
    models: tuple[str, ...] = ()

    def of_model(self, instead: str | None) -> Asked:
        """The same, asked of another model; None: as it is."""
        return self if instead is None else replace(self, model=instead)

    @classmethod
    def to_compact(cls, body: CompactResponse) -> Asked:
        """What a compaction is asked of: nothing of it is stored. Raises ApiError 400 for what cannot be done."""
        if body.input is None and body.previous_response_id is None:
            raise _missing("input")
        said = body.model_dump(exclude_none=True)
        asked = cls.of(CreateResponse.model_validate({"input": [], **said, "store": False}))
        return replace(asked, request_hash=request_hash("compact", said))

    @classmethod
    def to_count(cls, body: Asking) -> Asked:
        """What the tokens are counted of. Raises ApiError 400 for what cannot be done."""
        return cls.of(CreateResponse.model_validate(body.model_dump(exclude_none=True, by_alias=True)))

    @classmethod
    def of(cls, body: CreateResponse) -> Asked:
        """Raises ApiError 400 for what cannot be done."""
        _check(body)
        tools = tooling(body.tools, body.tool_choice, body.parallel_tool_calls)
        store = body.store is not False
        images = Images()
        logprobs = "message.output_text.logprobs" in (body.include or ()) or bool(body.top_logprobs)
        return cls(
            model=body.model,
            said=said_of(body.input, images.take),
            images=images,
            previous=previous_generation(body.previous_response_id),
            conversation_id=conversation(body.conversation),
            sampling=Sampling(
                max_tokens=body.max_output_tokens,
                temperature=body.temperature,
                top_p=body.top_p,
                presence_penalty=body.presence_penalty,
                frequency_penalty=body.frequency_penalty,
                response_schema=response_schema(body.text),
                reasoning_effort=(body.reasoning.effort if body.reasoning is not None else None) or "",
                top_logprobs=(body.top_logprobs or 0) if logprobs else None,
            ),
            tooling=tools,
            request=Request(
                surface=SURFACE,
                instructions=body.instructions or None,
                store=store,
                background=bool(body.background),
                metadata=json.dumps(body.metadata, ensure_ascii=False, sort_keys=True) if body.metadata else None,
                echo=echo_of(_shown(body, tools)),
            ),
            request_hash=request_hash("responses", _stated(body)),
            stream=bool(body.stream),
            models=tuple(body.models or ()),
        )


def _check(body: CreateResponse) -> None:
    if body.model is None and body.previous_response_id is None and body.conversation is None:
        raise bad_request("Missing required parameter: 'model'.", code="missing_required_parameter", param="model")
    if body.input is None:
        raise _missing("input")
    if isinstance(body.input, list) and len(body.input) > MAX_ITEMS:
        raise bad_request(f"Invalid value for 'input': it holds more than {MAX_ITEMS} items.", param="input")
    if body.previous_response_id is not None and body.conversation is not None:
        raise bad_request("Send 'previous_response_id' or 'conversation', not both.", param="previous_response_id")
    if body.background and body.store is False:
        raise bad_request("'background' can only be used when `store` is true.", param="background")
    if body.stream_options is not None and not body.stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is true.", param="stream_options"
        )
    for name in ("prompt", "moderation", "context_management"):
        if getattr(body, name):
            raise unsupported(name, f"'{name}' is not supported by this server.")


def _missing(param: str) -> ApiError:
    return bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def previous_generation(response: str | None) -> str | None:
    """The generation of `previous_response_id`. Raises ApiError 404 for what is no id of a response."""
    if response is None:
        return None
    generation = generation_of(response)
    if generation is None:
        raise previous_not_found(response)
    return generation


def previous_not_found(response: str) -> ApiError:
    """The same for what does not exist, belongs to another user, or was not stored."""
    shown = response if len(response) <= 80 else response[:80] + "…"
    return ApiError(
        404,
        f"Previous response with id '{shown}' not found. An id begins with '{RESPONSE_PREFIX}'.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


def conversation(identity: str | None) -> str | None:
    """The conversation of an id. Raises ApiError 404 for what is none."""
    if identity is None:
        return None
    found = conversation_behind(identity)
    if found is None:
        raise ApiError(
            404,
            f"No such conversation: an id begins with '{CONVERSATION_PREFIX}'.",
            code="not_found",
            param="conversation",
        )
    return found


def tooling(sent: Sequence[Any] | None, choice: Any, parallel: bool | None) -> Tooling | None:
    """The functions among the tools and how they may be used; None where there are none. Raises ApiError 400.

    Tools of other types are tools of other servers: a client may send them to every one.
    """
    functions = []
    for nth, tool in enumerate(sent or ()):
        where = f"tools[{nth}]"
        match tool:
            case {"type": "function", "name": str(name)}:
                described, strict = tool.get("description"), tool.get("strict")
                if not isinstance(described, str | None) or not isinstance(strict, bool | None):
                    raise bad_request(f"Invalid value for '{where}': a member has a wrong type.", param=where)
                functions.append(definition(name, described, tool.get("parameters"), strict, where))
            case {"type": "function"}:
                raise bad_request(
                    f"Missing required parameter: '{where}.name'.",
                    code="missing_required_parameter",
                    param=f"{where}.name",
                )
            case {"type": str()}:
                continue
            case _:
                raise bad_request(f"Invalid value for '{where}': expected an object with a type.", param=where)
    word, allowed = _choice(choice)
    found = tooling_of(functions, word, allowed, parallel is not False, "tool_choice")
    return found if functions else None


def _choice(said: Any) -> tuple[str, list[str]]:
    match said:
        case None:
            return "auto", []
        case "none" | "auto" | "required":
            return said, []
        case {"type": "function", "name": str(name)}:
            return "function", [name]
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(tools)}:
            names = [tool["name"] for tool in tools if isinstance(tool, dict) and isinstance(tool.get("name"), str)]
            return mode, names
        case {"type": str()}:
            raise bad_request(
                "Invalid value for 'tool_choice.type': expected 'function' or 'allowed_tools'.",
                param="tool_choice.type",
            )
        case _:
            raise bad_request(
                "Invalid value for 'tool_choice': expected 'none', 'auto', 'required' or an object.",
                param="tool_choice",
            )


def response_schema(text: Text | None) -> str:
    """The schema of the answer as JSON, empty for any text. Raises ApiError 400 naming what no grammar can hold."""
    asked = None if text is None else text.format
    if asked is None or asked.type == "text":
        return ""
    if asked.type == "json_object":
        return json.dumps(ANY_OBJECT)
    for name, value in (("name", asked.name), ("schema", asked.wanted)):
        if value is None:
            param = f"text.format.{name}"
            raise bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    try:
        check_schema(asked.wanted)
    except UnsupportedSchema as error:
        raise bad_request(f"Invalid schema: {error}.", param="text.format.schema") from None
    return json.dumps(asked.wanted, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is asked of one model."""

    sampling: Sampling
    request: Request


def fit(spec: ModelSpec, asked: Asked) -> Fitted:
    """What this model is asked. Raises ApiError 400 for what it, or a release that may still run, does not know."""
    check_written("responses")
    sampling = asked.sampling
    if sampling.response_schema:
        if "json" not in spec.capabilities:
            raise unsupported("text.format", f"'text.format' is not supported by the model {spec.id!r}.")
        check_written("text.format", FORMATS_FROM_LEVEL)
    if sampling.top_logprobs is not None and "logprobs" not in spec.capabilities:
        if sampling.top_logprobs:
            raise unsupported("top_logprobs", f"'top_logprobs' is not supported by the model {spec.id!r}.")
        sampling = replace(sampling, top_logprobs=None)
    if sampling.reasoning_effort and "reasoning" not in spec.capabilities:
        sampling = replace(sampling, reasoning_effort="")  # a model that does not think makes no effort of any kind
    return Fitted(sampling, replace(asked.request, tooling=offered(spec, asked.tooling)))


def _shown(body: CreateResponse, tools: Tooling | None) -> dict[str, Any]:
    """What a response shows of its request beside what its record says."""
    shown: dict[str, Any] = {
        name: getattr(body, name)
        for name in (
            "max_tool_calls",
            "truncation",
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "previous_response_id",
        )
    }
    shown["conversation_id"] = body.conversation
    if body.text is not None and (body.text.format is not None or body.text.verbosity is not None):
        shown["text"] = _text_shown(body.text)
    if body.reasoning is not None:
        shown["reasoning"] = body.reasoning.model_dump(exclude_none=True)
    if tools is not None and body.tool_choice is not None:
        shown["tool_choice"] = body.tool_choice
    return shown


def _text_shown(text: Text) -> dict[str, Any]:
    asked = text.format
    shown: dict[str, Any] = {"format": {"type": "text"}}
    if asked is not None and asked.type == "json_schema":
        shown["format"] = {
            "type": "json_schema",
            "name": asked.name,
            "description": asked.description,
            "schema": asked.wanted,
            "strict": asked.strict,
        }
    elif asked is not None:
        shown["format"] = {"type": asked.type}
    return shown if text.verbosity is None else shown | {"verbosity": text.verbosity}


def _stated(body: CreateResponse) -> dict[str, Any]:
    """What the caller asked for, without how it is delivered."""
    return body.model_dump(exclude_none=True, exclude={"stream", "stream_options", "background"}, by_alias=True)
