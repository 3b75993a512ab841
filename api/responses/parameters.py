"""A response's parameters out of its command: the same whether it was just asked for or is read years later. Pure.

The command says all of it. What no engine needs and only a response shows is in `Request.echo`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from api.responses.shapes import Parameters
from schemas.conversation import Request, Sampling
from schemas.envelope import Content, plain
from schemas.parts import Tooling

SURFACE = "responses"
_ECHOED = (
    "max_tool_calls",
    "truncation",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "previous_response_id",
    "conversation_id",
)
"""What a response shows as it was sent, if it was."""


def echo_of(shown: Mapping[str, Any]) -> str | None:
    """What goes into `Request.echo`: JSON of what was sent of these, and `text`, `tool_choice`, `reasoning` as shown.

    None if nothing was.
    """
    kept = {name: shown[name] for name in ("text", "tool_choice", "reasoning", *_ECHOED) if shown.get(name) is not None}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode() if kept else None


def parameters_of(model: str, asked_at_us: int, request: Request | None, sampling: Sampling) -> Parameters:
    """The parameters of a response. `request` None: it was asked for over another surface, which says none of them."""
    request = request or Request()
    echo = _object(request.echo)
    tooling = request.tooling
    said: dict[str, Any] = {name: echo[name] for name in _ECHOED if name in echo}
    if "text" in echo:
        said["text"] = echo["text"]
    elif sampling.response_schema:
        form = {"type": "json_schema", "name": "answer", "schema": orjson.loads(sampling.response_schema)}
        said["text"] = {"format": {**form, "description": None, "strict": True}}
    if "reasoning" in echo:
        said["reasoning"] = {"effort": None, "summary": None, **echo["reasoning"]}
    if tooling is not None:
        said["tools"] = tools_shown(tooling)
        said["tool_choice"] = echo.get("tool_choice", tooling.choice if tooling.choice != "function" else "auto")
        said["parallel_tool_calls"] = tooling.parallel
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"):
        value = getattr(sampling, name)
        if value is not None:
            said[name] = value
    return Parameters(
        model=model,
        created_at_us=asked_at_us,
        instructions=None if request.instructions is None else plain(request.instructions),
        max_output_tokens=sampling.max_tokens,
        store=request.store or not request.surface,
        background=request.background,
        metadata=_object(request.metadata),
        **said,
    )


def tools_shown(tooling: Tooling) -> list[dict[str, Any]]:
    """Tools as a response shows them: flat, every key there."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": None if tool.description is None else plain(tool.description),
            "parameters": None if tool.parameters is None else orjson.loads(plain(tool.parameters)),
            "strict": tool.strict,
        }
        for tool in tooling.tools
    ]


def _object(content: Content | None) -> dict[str, Any]:
    """A JSON object of a record; an empty one where there is none."""
    if content is None:
        return {}
    found = orjson.loads(plain(content))
    return found if isinstance(found, dict) else {}
