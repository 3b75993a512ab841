"""A request as servers with OpenAI's Chat Completions take it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from inference_workers.ports import EngineRejected, EngineRequest, EngineUnavailable
from infra.blobs.ports import BlobMissing, BlobReader, BlobsUnavailable
from infra.models.json_schemas import ANY_OBJECT
from infra.models.spec import ModelSpec
from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import plain
from schemas.messages import message_text
from schemas.parts import VISIBLE, ContentPart, ToolDefinition, Tooling

_PASSED_ON = (
    "temperature",
    "top_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "top_k",
    "min_p",
    "repetition_penalty",
)


async def request_body(request: EngineRequest, blobs: BlobReader | None) -> bytes:
    """The JSON to be posted. Raises EngineError where an image is not to be had, and SealedContent."""
    model = request.model
    images = await _images(request.messages, blobs) if "vision" in model.capabilities else {}
    if images:  # megabytes: not on the loop
        return await asyncio.to_thread(lambda: orjson.dumps(_body(request, images)))
    return orjson.dumps(_body(request, images))


def _body(request: EngineRequest, images: dict[str, bytes]) -> dict[str, Any]:
    model, sampling = request.model, request.sampling
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        for shown in _shown(message, model, images):
            _append(messages, shown)
    body: dict[str, Any] = {
        "model": model.upstream_model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens,
    }
    if request.prefix:
        messages.append({"role": "assistant", "content": request.prefix})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.response_schema:
        body["response_format"] = _response_format(sampling.response_schema)
    body |= {name: value for name in _PASSED_ON if (value := getattr(sampling, name)) is not None}
    return body | _told_beside(sampling) | _tooling(request.tooling)


def _told_beside(sampling: Sampling) -> dict[str, Any]:
    """What only some servers know, where it was asked for."""
    body: dict[str, Any] = {}
    if sampling.reasoning_effort:
        body["reasoning_effort"] = sampling.reasoning_effort
    if sampling.template_kwargs:
        body["chat_template_kwargs"] = orjson.loads(sampling.template_kwargs)
    if sampling.top_logprobs is not None:
        body["logprobs"] = True
        if sampling.top_logprobs:
            body["top_logprobs"] = sampling.top_logprobs
    return body


def _tooling(tooling: Tooling | None) -> dict[str, Any]:
    """Tools and their choice. That only some of them may be called is said by offering no others: every server knows
    that."""
    if tooling is None or not tooling.tools:
        return {}
    allowed = frozenset(tooling.allowed)
    offered = [tool for tool in tooling.tools if not allowed or tool.name in allowed]
    body: dict[str, Any] = {"tools": [_tool(tool) for tool in offered]}
    match tooling.choice:
        case "none" | "required" as word:
            body["tool_choice"] = word
        case "function":
            body["tool_choice"] = {"type": "function", "function": {"name": offered[0].name if offered else ""}}
        case _:
            pass  # auto is what servers do; some refuse the word
    if not tooling.parallel:
        body["parallel_tool_calls"] = False
    return body


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = plain(tool.description)
    if tool.parameters is not None and (parameters := plain(tool.parameters)):
        function["parameters"] = orjson.loads(parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _shown(message: ChatMessage, model: ModelSpec, images: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """A message in the shape of Chat Completions; each tool result is a message of its own there. Reasoning of earlier
    answers is left out."""
    named = {"name": message.name} if message.name else {}
    for part in message.parts:
        if part.kind == "tool_result":
            yield {"role": "tool", "tool_call_id": part.call_id, "content": _text(part)}
    if any(part.kind == "tool_result" for part in message.parts) and message.role == "tool":
        return
    calls = [part for part in message.parts if part.kind == "tool_call"]
    if calls:
        text = message_text(message)
        called = [
            {"id": part.call_id, "type": "function", "function": {"name": part.name, "arguments": _text(part)}}
            for part in calls
        ]
        yield {"role": message.role, "content": text or None, "tool_calls": called} | named
    elif any(part.kind in ("image", "file") for part in message.parts):
        yield {"role": message.role, "content": list(_content(message.parts, images))} | named
    elif not message.parts or any(part.kind in VISIBLE for part in message.parts):
        yield {"role": message.role, "content": message_text(message)} | named


def _append(messages: list[dict[str, Any]], shown: dict[str, Any]) -> None:
    """Calls of one answer belong into one message: servers want the results of all of them to follow it."""
    last = messages[-1] if messages else {}
    if shown.get("tool_calls") and shown["content"] is None and last.get("role") == shown["role"]:
        last["tool_calls"] = [*last.get("tool_calls", ()), *shown["tool_calls"]]
    else:
        messages.append(shown)


def _content(parts: Sequence[ContentPart], images: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    for part in parts:
        if part.kind in VISIBLE:
            yield {"type": "text", "text": _text(part)}
        elif part.kind == "image" and (image := images.get(part.sha256)) is not None:
            url = f"data:{part.media_type};base64,{base64.b64encode(image).decode()}"
            yield {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}
        elif part.kind in ("image", "file"):
            # Of an earlier turn with a model that could see it: this one is told that there was something.
            yield {"type": "text", "text": f"[{part.kind}{f' {part.name}' if part.name else ''}]"}


async def _images(messages: Sequence[ChatMessage], blobs: BlobReader | None) -> dict[str, bytes]:
    """The images of all messages, by their digests."""
    wanted = {part.sha256 for message in messages for part in message.parts if part.kind == "image"}
    if not wanted:
        return {}
    if blobs is None:
        raise EngineRejected("this worker has no store of images", code="engine_misconfigured")
    found: dict[str, bytes] = {}
    for name in sorted(wanted):
        try:
            found[name] = await blobs.get(name)
        except BlobMissing:
            raise EngineRejected("an image of the conversation is no longer there", code="image_missing") from None
        except BlobsUnavailable:
            raise EngineUnavailable("the store of images cannot be reached", accepted=False) from None
    return found


def _text(part: ContentPart) -> str:
    return "" if part.text is None else plain(part.text)


def _response_format(schema: str) -> dict[str, Any]:
    """As OpenAI says it."""
    wanted = orjson.loads(schema)
    if wanted == ANY_OBJECT:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted, "strict": True}}
