"""What an answer of a text engine has to keep to, as one JSON schema for its grammar. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inference_workers.ports import EngineRequest
from infra.models.json_schemas import ANY_OBJECT, MAX_SCHEMA_BYTES, UnsupportedSchema, check_schema
from infra.models.tool_prompts import must_call, offered
from schemas.envelope import plain
from schemas.parts import ToolDefinition

_REFERENCES = ("$defs", "definitions")


def guide_of(request: EngineRequest) -> str:
    """The schema, as JSON; empty: any text. A call that must come is `{"name": …, "arguments": …}`."""
    if not (request.offers_tools and must_call(request.tooling)):
        return request.sampling.response_schema
    tools = offered(request.tooling)
    calls = [_call(tool, alone=len(tools) == 1) for tool in tools]
    guide = json.dumps(calls[0] if len(calls) == 1 else {"anyOf": calls})
    if len(guide) <= MAX_SCHEMA_BYTES:
        return guide
    return json.dumps({"anyOf": [_with(tool.name, ANY_OBJECT) for tool in tools]})


def _call(tool: ToolDefinition, *, alone: bool) -> dict[str, Any]:
    """The schema of a call. Of parameters that no grammar can hold, that they are an object is kept."""
    parameters = _parameters(tool)
    named = {name: parameters[name] for name in _REFERENCES if name in parameters}
    inner = {name: value for name, value in parameters.items() if name not in named}
    call = _with(tool.name, inner) | named  # a reference begins at the root
    if "$ref" in json.dumps(parameters) and not alone:
        return _with(tool.name, ANY_OBJECT)
    try:
        check_schema(call)
    except UnsupportedSchema:
        return _with(tool.name, ANY_OBJECT)
    return call


def _with(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": dict(parameters)},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _parameters(tool: ToolDefinition) -> dict[str, Any]:
    said = json.loads(plain(tool.parameters) or "{}") if tool.parameters is not None else {}
    return {"type": "object"} | said if isinstance(said, dict) else dict(ANY_OBJECT)
