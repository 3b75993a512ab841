"""What the scripted model makes of the tools that its prompt tells of, and of their results. Pure.

A function that the question names with its arguments, as in "what is add(3, 4)?", is called; a result is repeated. So
is one of whose name a word stands in the question; what its arguments must hold comes from the question then.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from infra.local_model.answers import Message
from infra.local_model.filling import filled
from infra.local_model.instructions import Script, json_text
from infra.models.json_instances import NoInstance, instance_of
from infra.models.json_validity import TooMuch

MAX_CALLS = 16
_TOOLS = re.compile(r"<tools>\n(.*?)\n</tools>", re.DOTALL)
_RESULT = re.compile(r"<tool_response>\n(.*)\n</tool_response>", re.DOTALL)
_NAME_WORD = re.compile(r"[A-Z]?[a-z]{4,}|[A-Z]{4,}")
_WORD = re.compile(r"[a-z]+")
_NAMED = re.compile(r"([A-Za-z_]\w*)\s*=\s*(?!=)(.*)", re.DOTALL)


def written_call(name: str, arguments: str) -> str:
    """A call as models write it."""
    return f'{{"name": {json_text(name)}, "arguments": {arguments}}}'


def with_calls(script: Script, messages: list[Message]) -> Script:
    """The script with the calls that the last message asks for, or with the results that it brings, unless it says
    something already."""
    if script.says or script.calls or script.refuses or script.json is not None:
        return script
    if results := _results(messages):
        return replace(script, says=tuple(f"The tool says: {result}" for result in results))
    offered = _offered(messages)
    calls = _asked_for(script.rest, offered) or _spoken_of(script.rest, offered)
    return replace(script, calls=tuple(calls)[:MAX_CALLS])


def _results(messages: list[Message]) -> list[str]:
    found: list[str] = []
    for message in reversed(messages):
        result = _RESULT.fullmatch(message.content.strip()) if message.role == "user" else None
        if result is None:
            break
        found.append(result[1])
    return found[::-1]


def _offered(messages: list[Message]) -> dict[str, dict[str, Any]]:
    """The schema of the arguments of each function that may be called."""
    found: dict[str, dict[str, Any]] = {}
    for message in messages:
        listed = _TOOLS.search(message.content) if message.role == "system" else None
        for line in listed[1].split("\n") if listed else ():
            try:
                function = json.loads(line)["function"]
                found[str(function["name"])] = dict(function.get("parameters") or {})
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                continue
    return found


def _asked_for(asked: str, offered: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    if not offered:
        return []
    names = "|".join(sorted(map(re.escape, offered), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.-])({names})\(([^()]{{0,2000}})\)")
    return [
        (match[1], json_text(_arguments(match[2], _properties(offered[match[1]])))) for match in pattern.finditer(asked)
    ]


def _properties(parameters: dict[str, Any]) -> list[str]:
    """The names of a function's arguments. Its schema is a stranger's, and may be anything."""
    named = parameters.get("properties")
    return list(named) if isinstance(named, dict) else []


def _spoken_of(asked: str, offered: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """A call of the first function of whose name the question has a word."""
    said = frozenset(_WORD.findall(asked.lower()))
    for name, parameters in offered.items():
        if said.isdisjoint(word.lower() for word in _NAME_WORD.findall(name)):
            continue
        try:
            smallest = instance_of({"type": "object"} | parameters)
        except (NoInstance, TooMuch, ValueError, LookupError, TypeError, AttributeError):
            continue  # none was found, or it is no schema that anyone can keep to
        return [(name, json_text(filled(smallest, asked)))]
    return []


def _arguments(written: str, properties: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for piece in _pieces(written):
        named = _NAMED.fullmatch(piece)
        name = named[1] if named else next((each for each in properties if each not in found), None)
        if name is not None:
            found[name] = _value(named[2] if named else piece)
    return found


def _pieces(written: str) -> list[str]:
    """Between commas that stand in no string and no brackets."""
    pieces, depth, quote, current = [], 0, "", ""
    for character in written:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth <= 0:
            pieces.append(current)
            current = ""
            continue
        current += character
    return [piece.strip() for piece in (*pieces, current) if piece.strip()]


def _value(written: str) -> Any:
    text = written.strip()
    try:
        value = json.loads(text, parse_constant=lambda word: word)
        json_text(value)  # numbers such as 1e999 are read, and are no JSON
        return value
    except (ValueError, RecursionError):
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
