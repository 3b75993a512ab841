"""Which JSON schemas a grammar can hold: what it cannot is named before any engine is asked. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_SCHEMA_BYTES = 65_536
MAX_DEPTH = 32
MAX_SHOWN = 100
"""Characters of a keyword, in a message."""
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
"""What "a JSON object" asks for."""

_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
)
_SCHEMA = ("items", "additionalProperties")
_SCHEMAS = ("anyOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
_LOWER, _UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
_NUMBERS = (*_LOWER, *_UPPER)
MAX_BOUND = 2**53
"""Of a number's bounds, in either direction."""
FORMATS = frozenset({"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_ORDERED = (("minItems", "maxItems"), ("minLength", "maxLength"), ("minimum", "maximum"))
_NOT_REGULAR = re.compile(r"\(\?(?!:)|\\[1-9bBkpPZ]")


class UnsupportedSchema(Exception):
    """The message names the keyword and its place, and says what is expected; it repeats no text of the schema."""

    def __init__(self, keyword: str, place: str, problem: str) -> None:
        super().__init__(f"the keyword {keyword[:MAX_SHOWN]!r} at {place or 'the root'} {problem}")
        self.keyword = keyword


def check_schema(schema: Any) -> None:
    """Raises UnsupportedSchema for the first thing in `schema` that no grammar is made of."""
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise UnsupportedSchema("schema", "", f"is too large, at most {MAX_SCHEMA_BYTES} bytes are expected")
    _check(schema, "", schema, 0)


def _check(schema: Any, place: str, root: Any, depth: int) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise UnsupportedSchema(_last(place), place, "is not a schema, an object is expected")
    if depth > MAX_DEPTH:
        raise UnsupportedSchema(_last(place), place, f"is nested too deeply, at most {MAX_DEPTH} levels are expected")
    for keyword, value in schema.items():
        if keyword not in _ANNOTATIONS and (problem := _problem(keyword, value, root)) is not None:
            raise UnsupportedSchema(keyword, place, problem)
    _check_together(schema, place)
    for where, inner in _inner(schema, place):
        _check(inner, where, root, depth + 1)


def _check_together(schema: dict[str, Any], place: str) -> None:
    """What nothing can satisfy is no grammar either."""
    for least, most in _ORDERED:
        if least in schema and most in schema and schema[least] > schema[most]:
            raise UnsupportedSchema(least, place, f"is more than {most}, nothing can satisfy it")
    if (bound := _empty_range(schema)) is not None:
        raise UnsupportedSchema(bound, place, "leaves no number, nothing can satisfy it")
    for keyword, values in (("const", [schema.get("const")]), ("enum", schema.get("enum", ()))):
        if keyword in schema and "type" in schema and not any(is_of_type(value, schema["type"]) for value in values):
            raise UnsupportedSchema(keyword, place, "is of another type, nothing can satisfy it")
    if schema.get("additionalProperties") is False and set(schema.get("required", ())) - set(
        schema.get("properties", ())
    ):
        raise UnsupportedSchema("required", place, "names a property that there may not be, nothing can satisfy it")


def _empty_range(schema: dict[str, Any]) -> str | None:
    """The bound above which no number is left; None where some is."""
    # Of two that are equal, the one that excludes it counts.
    lower = max(((schema[name], name) for name in _LOWER if name in schema), key=_excluding, default=None)
    upper = min(((schema[name], name) for name in _UPPER if name in schema), default=None)
    if lower is None or upper is None:
        return None
    (least, lower_name), (most, upper_name) = lower, upper
    if least > most or (least == most and (lower_name, upper_name) != ("minimum", "maximum")):
        return lower_name
    wanted = schema.get("type")
    if wanted != "integer" and not (isinstance(wanted, list) and "integer" in wanted):
        return None
    first = math.floor(least) + 1 if lower_name == "exclusiveMinimum" else math.ceil(least)
    last = math.ceil(most) - 1 if upper_name == "exclusiveMaximum" else math.floor(most)
    return lower_name if first > last else None


def _excluding(bound: tuple[float, str]) -> tuple[float, bool]:
    return bound[0], bound[1] == "exclusiveMinimum"


def is_of_type(value: Any, wanted: str | list[str]) -> bool:
    """Whether a value is of one of the types."""
    match value:
        case bool():
            kinds = {"boolean"}
        case None:
            kinds = {"null"}
        case str():
            kinds = {"string"}
        case int():
            kinds = {"integer", "number"}
        case float():
            kinds = {"integer", "number"} if value.is_integer() else {"number"}
        case list():
            kinds = {"array"}
        case _:
            kinds = {"object"}
    return not kinds.isdisjoint([wanted] if isinstance(wanted, str) else wanted)


def _inner(schema: dict[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    for name in _SCHEMA:
        if name in schema:
            yield f"{place}/{name}", schema[name]
    for name in _SCHEMAS:
        for index, inner in enumerate(schema.get(name, ())):
            yield f"{place}/{name}/{index}", inner
    for name in _NAMED:
        for index, inner in enumerate(schema.get(name, {}).values()):
            yield f"{place}/{name}/{index}", inner


def _problem(keyword: str, value: Any, root: Any) -> str | None:
    """What is wrong with a keyword; None if a grammar can hold it."""
    match keyword:
        case "type":
            wanted = value if isinstance(value, list) and value else [value]
            fits, expected = all(isinstance(one, str) and one in _TYPES for one in wanted), "a JSON type"
        case "enum":
            fits, expected = isinstance(value, list) and bool(value), "a list of values"
        case "const":
            fits, expected = True, ""
        case "required":
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
            expected = "a list of names"
        case "format":
            fits, expected = isinstance(value, str) and value in FORMATS, f"one of {', '.join(sorted(FORMATS))}"
        case "pattern":
            fits, expected = _is_regular(value), "a regular expression without assertions and back references"
        case "$ref":
            fits, expected = _resolves(value, root), "a reference within the schema, like #/$defs/name"
        case _ if keyword in _SCHEMA:
            fits, expected = True, ""
        case _ if keyword in _SCHEMAS:
            fits, expected = isinstance(value, list) and bool(value), "a list of schemas"
        case _ if keyword in _NAMED:
            fits, expected = isinstance(value, dict), "schemas by name"
        case _ if keyword in _COUNTS:
            fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000
            expected = "a whole number from 0 to 100000"
        case _ if keyword in _NUMBERS:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_BOUND
            expected = f"a number of at most {MAX_BOUND}"
        case _:
            return "is not supported: leave it out"
    return None if fits else f"has a value that is not supported, {expected} is expected"


def _is_regular(pattern: Any) -> bool:
    if not isinstance(pattern, str) or _NOT_REGULAR.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _resolves(reference: Any, root: Any) -> bool:
    """Whether a reference leads to a schema, through few others, that something can satisfy."""
    for _ in range(MAX_DEPTH):
        found = referenced(reference, root)
        if not isinstance(found, dict):
            return found is True
        if "$ref" not in found:
            return True
        reference = found["$ref"]
    return False


def referenced(reference: Any, root: Any) -> Any:
    """The schema that stands at a reference; None: none does, or it is no reference.

    What annotations hold, and the values of `const` and `enum`, are no schemas, whatever they look like.
    """
    if not isinstance(reference, str) or not re.fullmatch(r"#(/[^/]+)*", reference):
        return None
    found, named = root, False
    for name in reference[2:].split("/") if len(reference) > 1 else ():
        name = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found or not (named or name in _SCHEMA or name in _NAMED):
            return None
        found, named = found[name], not named and name in _NAMED
    return None if named else found


def _last(place: str) -> str:
    return place.rpartition("/")[2] or "schema"
