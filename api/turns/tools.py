"""The tools of a request: what may be offered to a model, and what a history may say of calls. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from api.http.errors import bad_request, unsupported
from infra.models.json_schemas import MAX_DEPTH, MAX_SCHEMA_BYTES, UnsupportedSchema, check_schema
from infra.models.spec import ModelSpec
from schemas.parts import ToolDefinition, Tooling

MAX_TOOLS = 128
MAX_ARGUMENTS = 262_144
"""Characters of one call's arguments."""
MAX_CALL_ID = 256
"""Characters of a call's id: some engines put a signature into it."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def definition(name: str, description: str | None, parameters: Any, strict: bool | None, where: str) -> ToolDefinition:
    """A function that may be called. `where`: where its members stand in the request.

    Raises ApiError 400 for a name that is none, and for a schema that is none, that leads elsewhere, or (`strict`) that
    no grammar can hold.
    """
    check_name(name, f"{where}.name")
    if parameters is None:
        return ToolDefinition(name, description, None, strict)
    param = f"{where}.parameters"
    try:
        if not isinstance(parameters, dict):
            raise UnsupportedSchema("parameters", "", "is not a schema, an object is expected")
        said = json.dumps(parameters, ensure_ascii=False, separators=(",", ":"))
        if len(said) > MAX_SCHEMA_BYTES:
            raise UnsupportedSchema("parameters", "", f"is too large, at most {MAX_SCHEMA_BYTES} bytes are expected")
        _check_references(parameters, "", 0)
        if strict:
            check_schema(parameters)
    except UnsupportedSchema as error:
        raise bad_request(f"Invalid schema for function '{name}': {error}.", param=param) from None
    return ToolDefinition(name, description, said, strict)


def check_name(name: str, param: str) -> str:
    """The name of a function. Raises ApiError 400."""
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Invalid value for '{param}': 1 to 64 letters, digits, '_' and '-' are expected.", param=param
        )
    return name


def check_arguments(arguments: str, param: str) -> str:
    """The arguments of a call in a history, as the model wrote them. Raises ApiError 400 for too many of them."""
    if len(arguments) > MAX_ARGUMENTS:
        raise bad_request(
            f"Invalid value for '{param}': it is longer than {MAX_ARGUMENTS} characters.",
            code="string_above_max_length",
            param=param,
        )
    return arguments


def tooling_of(
    tools: Sequence[ToolDefinition], choice: str, allowed: Sequence[str], parallel: bool, param: str
) -> Tooling:
    """The tools and how they may be used. `param`: what the request calls its choice.

    Raises ApiError 400 for two tools of one name, too many of them, and a choice of one that is not there.
    """
    if len(tools) > MAX_TOOLS:
        raise bad_request(
            f"Invalid value for 'tools': it holds more than {MAX_TOOLS} entries.",
            code="array_above_max_length",
            param="tools",
        )
    names: set[str] = set()
    for nth, tool in enumerate(tools):
        if tool.name in names:
            raise bad_request(
                f"Invalid value for 'tools[{nth}]': another tool has the same name.", param=f"tools[{nth}]"
            )
        names.add(tool.name)
    if not names and choice in ("required", "function"):
        raise bad_request(f"'{param}' is only allowed when 'tools' are given.", param=param)
    if not names.issuperset(allowed):
        raise bad_request(f"Invalid value for '{param}': it names a function that is not among 'tools'.", param=param)
    return Tooling(tools=tuple(tools), choice=choice, allowed=tuple(allowed), parallel=parallel)


def offered(spec: ModelSpec, tooling: Tooling | None) -> Tooling | None:
    """The tools that this model is offered: none if it knows no tools, for which an answer in text is a valid choice.

    Raises ApiError 400 where a call is demanded of it, or its entry says that tools are refused.
    """
    if tooling is None or not tooling.tools or "tools" in spec.capabilities:
        return tooling if tooling is not None and tooling.tools else None
    if tooling.choice in ("required", "function"):
        raise unsupported("tool_choice", f"The model {spec.id!r} has no tools, so none can be demanded of it.")
    if spec.tools == "refuse" and tooling.choice != "none":
        raise unsupported("tools", f"'tools' is not supported by the model {spec.id!r}.")
    return None


def _check_references(schema: Any, place: str, depth: int) -> None:
    """Nothing is ever fetched: a reference leads to a place in the same schema."""
    if depth > 2 * MAX_DEPTH:
        raise UnsupportedSchema("parameters", "", "is nested too deeply")
    if isinstance(schema, list):
        for nth, inner in enumerate(schema):
            _check_references(inner, f"{place}/{nth}", depth + 1)
    if isinstance(schema, dict):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = schema.get(keyword)
            if isinstance(reference, str) and not reference.startswith("#"):
                raise UnsupportedSchema(keyword, place, "leads elsewhere, a reference like #/$defs/name is expected")
        for nth, inner in enumerate(schema.values()):
            _check_references(inner, f"{place}/{nth}", depth + 1)
