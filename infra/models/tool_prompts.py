"""Tools, calls and results as text, for chat templates that know nothing of them. Pure.

The format is that of Hermes and Qwen models: functions in `<tools>`, calls as `<tool_call>{"name": …, "arguments": …}
</tool_call>`, results in `<tool_response>`. A template that names `tools` writes its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.messages import message_text
from schemas.parts import ContentPart, ToolDefinition, Tooling

CALL_BEGINS, CALL_ENDS = "<tool_call>", "</tool_call>"
_AUTO = (
    "You may call one or more of these functions. To call one, answer with a JSON object that holds its name and its "
    "arguments, within tags:"
)
_MUST = "Answer with a call of one of these functions: a JSON object that holds its name and its arguments:"
_ONE = "Call one function at most."
_CALL = '{"name": "FUNCTION", "arguments": {…}}'

Clean = Callable[[str], str]


def offered(tooling: Tooling | None) -> tuple[ToolDefinition, ...]:
    """The tools that may be called."""
    if tooling is None or tooling.choice == "none":
        return ()
    return tuple(tool for tool in tooling.tools if not tooling.allowed or tool.name in tooling.allowed)


def must_call(tooling: Tooling | None) -> bool:
    """Whether the answer has to be a call."""
    return tooling is not None and tooling.choice in ("required", "function") and bool(offered(tooling))


def tool_objects(tools: Sequence[ToolDefinition]) -> list[dict[str, Any]]:
    """As chat templates take them."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def shown_as_text(messages: Sequence[ChatMessage], tooling: Tooling | None, clean: Clean) -> list[dict[str, str]]:
    """Messages of one text each. The tools are told of in the first message of the system. `clean` is applied to all
    that strangers wrote."""
    shown = [each for message in messages for each in _texts(message, clean)]
    tools = offered(tooling)
    if not tools or tooling is None:
        return shown
    told = _instructions(tooling, tools, clean)
    if shown and shown[0]["role"] in ("system", "developer"):
        first = shown[0] | {"content": f"{shown[0]['content']}\n\n{told}"}
        return [first, *shown[1:]]
    return [{"role": "system", "content": told}, *shown]


def shown_natively(messages: Sequence[ChatMessage], clean: Clean) -> list[dict[str, Any]]:
    """Messages for a template that knows calls and results itself."""
    found: list[dict[str, Any]] = []
    for message in messages:
        calls = [part for part in message.parts if part.kind == "tool_call"]
        results = [part for part in message.parts if part.kind == "tool_result"]
        for result in results:
            found.append({"role": "tool", "name": result.name, "content": clean(_text(result))})
        if calls:
            called = [{"type": "function", "function": _native_call(call, clean)} for call in calls]
            found.append({"role": message.role, "content": clean(message_text(message)), "tool_calls": called})
        elif not results:
            found.append(_plain(message, clean))
    return found


def _texts(message: ChatMessage, clean: Clean) -> Iterator[dict[str, str]]:
    calls = [part for part in message.parts if part.kind == "tool_call"]
    results = [part for part in message.parts if part.kind == "tool_result"]
    for result in results:
        yield {"role": "user", "content": f"<tool_response>\n{clean(_text(result))}\n</tool_response>"}
    if calls:
        said = clean(message_text(message))
        written = [f"{CALL_BEGINS}\n{_call(call, clean)}\n{CALL_ENDS}" for call in calls]
        yield {"role": message.role, "content": "\n".join([said, *written] if said else written)}
    elif not results:
        yield _plain(message, clean)


def _plain(message: ChatMessage, clean: Clean) -> dict[str, str]:
    """An image is told of: what a model that reads text can know of it."""
    named = {"name": clean(message.name)} if message.name else {}
    images = [f"[image: {part.media_type}, {part.size_bytes} bytes]" for part in message.parts if part.kind == "image"]
    lines = (message_text(message), *images)
    return {"role": message.role, "content": clean("\n".join(line for line in lines if line))} | named


def _instructions(tooling: Tooling, tools: Sequence[ToolDefinition], clean: Clean) -> str:
    listed = "\n".join(clean(json.dumps(each, ensure_ascii=False)) for each in tool_objects(tools))
    functions = f"# Tools\n\nThese functions can be called:\n<tools>\n{listed}\n</tools>"
    if must_call(tooling):
        return f"{functions}\n\n{_MUST}\n{_CALL}"
    one = "" if tooling.parallel else f" {_ONE}"
    return f"{functions}\n\n{_AUTO}\n{CALL_BEGINS}\n{_CALL}\n{CALL_ENDS}{one}"


def _function(tool: ToolDefinition) -> dict[str, Any]:
    parameters = plain(tool.parameters) if tool.parameters is not None else ""
    return {
        "name": tool.name,
        "description": plain(tool.description) if tool.description is not None else "",
        "parameters": json.loads(parameters) if parameters else {"type": "object", "properties": {}},
    }


def _call(call: ContentPart, clean: Clean) -> str:
    """As the model wrote it, whether that is JSON or not."""
    return clean(f'{{"name": {json.dumps(call.name)}, "arguments": {_text(call) or "{}"}}}')


def _native_call(call: ContentPart, clean: Clean) -> dict[str, Any]:
    arguments = clean(_text(call))
    try:
        return {"name": clean(call.name), "arguments": json.loads(arguments or "{}")}
    except (ValueError, RecursionError):
        return {"name": clean(call.name), "arguments": arguments}


def _text(part: ContentPart) -> str:
    return "" if part.text is None else plain(part.text)
