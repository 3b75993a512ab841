"""The messages of a request as parts of a context. What we, or a client's SDK, hand out as a message is taken back.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.errors import ApiError, bad_request
from api.openai.requests.fields import LenientBody, Nothing, none_if_empty
from api.turns.images import Images
from api.turns.tools import MAX_CALL_ID, MAX_TOOLS, check_arguments, check_name
from schemas.conversation import ChatMessage
from schemas.messages import with_parts
from schemas.parts import ContentPart

MAX_MESSAGES = 4_096
MAX_PARTS = 1_000
"""Parts of one message."""
MAX_ANNOTATIONS = 128


class ImageUrl(LenientBody):
    url: str
    detail: str | None = None


class MessagePart(LenientBody):
    """A part of a message: text, an image, or a model's refusal. `cache_control` is for servers that charge by it."""

    type: Literal["text", "refusal", "image_url"]
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | None = None
    cache_control: Any = None


_PART_SCHEMA = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["text", "image_url"]},
        "text": {"type": "string"},
        "image_url": {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}},
    },
}


def _parts(value: Any) -> Any:
    """A string is the one part of its content. Unions would make every mistake a mistake of the other type."""
    if isinstance(value, str):
        return [MessagePart(type="text", text=value)]
    if value is None or isinstance(value, list):
        return value
    raise PydanticCustomError("content_type", "expected a string or a list of parts")


Content = Annotated[
    Annotated[list[MessagePart], Field(fail_fast=True, max_length=MAX_PARTS)] | None,
    BeforeValidator(_parts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _PART_SCHEMA}]}),
]


class CalledFunction(LenientBody):
    name: str
    arguments: str


class ToolCall(LenientBody):
    id: str = Field(min_length=1, max_length=MAX_CALL_ID)
    type: Literal["function"] = "function"
    function: CalledFunction


class RequestMessage(LenientBody):
    """A message as we, or a client's SDK, hand it out: what it carries beside its text and calls means nothing."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = None
    name: str | None = Field(default=None, max_length=64)
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: Annotated[
        Annotated[list[ToolCall], Field(fail_fast=True, max_length=MAX_TOOLS)] | None, BeforeValidator(none_if_empty)
    ] = None
    tool_call_id: str | None = Field(default=None, max_length=MAX_CALL_ID)
    function_call: Annotated[CalledFunction | None, BeforeValidator(none_if_empty)] = None
    audio: Nothing = None
    annotations: list[Any] | None = Field(default=None, max_length=MAX_ANNOTATIONS)


def messages_of(said: Sequence[RequestMessage], images: Images) -> tuple[ChatMessage, ...]:
    """The context, inline; `developer` is today's name of `system`, `function` the earlier one of `tool`.

    `images` takes those of the messages. Raises ApiError 400 for a message without content, for parts that do not hold
    what they say they do, and for the result of a call that was not made.
    """
    messages: list[ChatMessage] = []
    calls: dict[str, str] = {}
    for nth, message in enumerate(said):
        where = f"messages[{nth}]"
        match message.role:
            case "tool" | "function":
                messages.append(_result(message, where, calls))
            case "assistant" if message.tool_calls or message.function_call:
                messages.append(_calling(message, nth, calls))
            case "user" if any(part.type == "image_url" for part in message.content or ()):
                messages.append(with_parts("user", _seen(message, where, images), message.name))
            case "developer":
                messages.append(ChatMessage("system", _text(message, where), message.name))
            case role:
                messages.append(ChatMessage(role, _text(message, where), message.name))
    return tuple(messages)


def _calling(message: RequestMessage, nth: int, calls: dict[str, str]) -> ChatMessage:
    """A message of the assistant with calls. `calls`: the functions called so far, by the calls' ids."""
    where = f"messages[{nth}]"
    text = _text(message, where) if message.content or message.refusal else ""
    parts = [ContentPart("text", text)] if text else []
    made = [(f"{where}.tool_calls[{at}].function", call.id, call.function) for at, call in _counted(message.tool_calls)]
    if message.function_call is not None:
        made.append((f"{where}.function_call", f"call_{nth}", message.function_call))
    for place, call_id, function in made:
        name = check_name(function.name, f"{place}.name")
        arguments = check_arguments(function.arguments, f"{place}.arguments")
        parts.append(ContentPart("tool_call", arguments, call_id, name))
        calls[call_id] = name
    return ChatMessage("assistant", "", message.name, tuple(parts))


def _result(message: RequestMessage, where: str, calls: dict[str, str]) -> ChatMessage:
    """What a call came to. One of the earlier shape answers the last call of its function."""
    text = "" if message.content is None and message.role == "function" else _text(message, where)
    if message.role == "function":
        call_id = next((made for made, name in reversed(calls.items()) if name == message.name), None)
        param = f"{where}.name"
    else:
        call_id, param = message.tool_call_id, f"{where}.tool_call_id"
        if call_id is None:
            raise _missing(param)
    if call_id is None or call_id not in calls:
        raise bad_request(
            f"Invalid value for '{param}': a result must follow a message of the assistant that makes its call.",
            param=param,
        )
    return ChatMessage("tool", "", None, (ContentPart("tool_result", text, call_id, calls[call_id]),))


def _seen(message: RequestMessage, where: str, images: Images) -> tuple[ContentPart, ...]:
    """The parts of a message with images: text that follows text is joined to it."""
    parts: list[ContentPart] = []
    texts: list[str] = []
    for nth, part in enumerate(message.content or ()):
        place = f"{where}.content[{nth}]"
        if part.type != "image_url":
            texts.append(_part(part, message.role, place))
            continue
        if part.image_url is None:
            raise _missing(f"{place}.image_url")
        if texts:
            parts.append(ContentPart("text", "\n".join(texts)))
            texts = []
        parts.append(images.take(part.image_url.url, part.image_url.detail or "auto", f"{place}.image_url.url"))
    return (*parts, ContentPart("text", "\n".join(texts))) if texts else tuple(parts)


def _counted(calls: Sequence[ToolCall] | None) -> Sequence[tuple[int, ToolCall]]:
    return list(enumerate(calls or ()))


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


def _part(part: MessagePart, role: str, where: str) -> str:
    if part.type == "refusal" and role != "assistant":
        raise bad_request(
            f"Invalid value for '{where}.type': only an assistant message may contain a refusal.", param=f"{where}.type"
        )
    if part.type == "image_url":
        raise bad_request(
            f"Invalid value for '{where}.type': only a user message may contain images.", param=f"{where}.type"
        )
    text, other = (part.text, "refusal") if part.type == "text" else (part.refusal, "text")
    if text is None:
        raise _missing(f"{where}.{part.type}")
    if getattr(part, other) is not None:
        raise bad_request(f"Unknown parameter: '{where}.{other}'.", code="unknown_parameter", param=f"{where}.{other}")
    return text


def _missing(param: str) -> ApiError:
    return bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
