"""The tools of a request, in today's shape and in the one before it (`functions`). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from api.http.errors import ApiError, bad_request
from api.openai.requests.fields import LenientBody
from api.turns.tools import definition, tooling_of
from schemas.parts import ToolDefinition, Tooling


class FunctionDefinition(LenientBody):
    name: str
    description: str | None = None
    parameters: Any = None
    strict: bool | None = None


class Tool(LenientBody):
    type: Literal["function"]
    function: FunctionDefinition


def tooling(tools: Sequence[Tool] | None, choice: Any, parallel: bool | None) -> Tooling | None:
    """The tools and how they may be used; None where there are none. Raises ApiError 400."""
    offered = [_definition(tool.function, f"tools[{nth}].function") for nth, tool in enumerate(tools or ())]
    word, allowed = _choice(choice)
    found = tooling_of(offered, word, allowed, parallel is not False, "tool_choice")
    return found if offered else None


def legacy_tooling(functions: Sequence[FunctionDefinition] | None, choice: Any) -> Tooling | None:
    """The same of `functions` and `function_call`: one call an answer. Raises ApiError 400."""
    offered = [_definition(function, f"functions[{nth}]") for nth, function in enumerate(functions or ())]
    match choice:
        case None | "auto" | "none":
            word, allowed = choice or "auto", list[str]()
        case {"name": str(name)}:
            word, allowed = "function", [name]
        case _:
            raise _wrong("function_call", "expected 'none', 'auto' or the name of a function")
    found = tooling_of(offered, word, allowed, False, "function_call")
    return found if offered else None


def _definition(function: FunctionDefinition, where: str) -> ToolDefinition:
    return definition(function.name, function.description, function.parameters, function.strict, where)


def _choice(said: Any) -> tuple[str, list[str]]:
    """(how tools may be used, the names of those that may be)."""
    match said:
        case None:
            return "auto", []
        case "none" | "auto" | "required":
            return said, []
        case {"type": "function", "function": {"name": str(name)}}:
            return "function", [name]
        case {"type": "function"}:
            raise _missing("tool_choice.function.name")
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(named)}}:
            return mode, [_named(tool, f"tool_choice.allowed_tools.tools[{nth}]") for nth, tool in enumerate(named)]
        case {"type": "allowed_tools"}:
            raise _wrong("tool_choice.allowed_tools", "expected a mode ('auto' or 'required') and a list of tools")
        case {"type": _}:
            raise _wrong("tool_choice.type", "expected 'function' or 'allowed_tools'")
        case _:
            raise _wrong("tool_choice", "expected 'none', 'auto', 'required' or an object that names a function")


def _named(tool: Any, where: str) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}} | {"type": "function", "name": str(name)}:
            return name
        case _:
            raise _wrong(where, "expected a function and its name")


def _wrong(param: str, problem: str) -> ApiError:
    return bad_request(f"Invalid value for '{param}': {problem}.", param=param)


def _missing(param: str) -> ApiError:
    return bad_request(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
