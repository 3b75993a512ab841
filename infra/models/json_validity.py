"""Whether a JSON value keeps to a schema made of the keywords of `json_schemas.py`. Pure."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from infra.models.json_schemas import is_of_type, referenced

MAX_STEPS = 20_000
"""Of one question: schemas may refer to themselves."""
Matches = Callable[[str, str], bool]
"""(pattern, text): whether the text holds a match. A pattern may take for ever: callers choose how to look."""


class TooMuch(Exception):
    """The question takes more than MAX_STEPS."""


def is_valid(value: Any, schema: Any, matches: Matches | None = None) -> bool:
    """Whether `value` keeps to `schema`, one that passed `check_schema`. Raises TooMuch.

    Without `matches` no text is said to match a pattern.
    """
    return Validity(schema, matches).holds(value, schema)


class Validity:
    """Values against schemas within the schema `root`."""

    def __init__(self, root: Any, matches: Matches | None = None) -> None:
        self._root = root
        self._matches = matches
        self._left = MAX_STEPS
        self._asked: set[tuple[int, int]] = set()

    def holds(self, value: Any, schema: Any) -> bool:
        """Raises TooMuch."""
        self._left -= 1
        if self._left < 0:
            raise TooMuch
        if isinstance(schema, bool):
            return schema
        # A value that keeps to a schema only if it keeps to that schema does not.
        question = (id(value), id(schema))
        if question in self._asked:
            return False
        self._asked.add(question)
        try:
            return (
                self._holds_itself(value, schema)
                and ("$ref" not in schema or self.holds(value, referenced(schema["$ref"], self._root)))
                and ("anyOf" not in schema or any(self.holds(value, one) for one in schema["anyOf"]))
                and all(self.holds(value, one) for one in schema.get("allOf", ()))
            )
        except RecursionError:
            raise TooMuch from None
        finally:
            self._asked.discard(question)

    def _holds_itself(self, value: Any, schema: dict[str, Any]) -> bool:
        if "type" in schema and not is_of_type(value, schema["type"]):
            return False
        if "const" in schema and not same(value, schema["const"]):
            return False
        if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
            return False
        match value:
            case bool() | None:
                return True
            case str():
                return self._text_holds(value, schema)
            case int() | float():
                return _number_holds(value, schema)
            case list():
                return self._items_hold(value, schema)
            case _:
                return self._properties_hold(value, schema)

    def _text_holds(self, value: str, schema: dict[str, Any]) -> bool:
        if not _counted(len(value), schema, "Length"):
            return False
        if "pattern" in schema and (self._matches is None or not self._matches(schema["pattern"], value)):
            return False
        return "format" not in schema or _FORMATS[schema["format"]](value)

    def _items_hold(self, value: list[Any], schema: dict[str, Any]) -> bool:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        wanted = (first[at] if at < len(first) else rest for at in range(len(value)))
        return _counted(len(value), schema, "Items") and all(
            self.holds(item, one) for item, one in zip(value, wanted, strict=True)
        )

    def _properties_hold(self, value: dict[str, Any], schema: dict[str, Any]) -> bool:
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return all(name in value for name in schema.get("required", ())) and all(
            self.holds(inner, known.get(name, others)) for name, inner in value.items()
        )


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _counted(count: int, schema: dict[str, Any], of_what: str) -> bool:
    most = schema.get(f"max{of_what}")
    return count >= schema.get(f"min{of_what}", 0) and (most is None or count <= most)


def _number_holds(value: float, schema: dict[str, Any]) -> bool:
    return (
        ("minimum" not in schema or value >= schema["minimum"])
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("maximum" not in schema or value <= schema["maximum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )


def _reads(read: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    return holds


def _is(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text) is not None


_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_CLOCK = r"\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})"
_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is(r"\d{4}-\d{2}-\d{2}[Tt ]" + _CLOCK),
    "date": _reads(datetime.date.fromisoformat),
    "time": _is(_CLOCK),
    "duration": _is(r"P(?=.)(\d+[YMWD])*(T(?=.)(\d+[HMS])+)?"),
    "email": _is(r"[^@\s]+@[^@\s]+"),
    "hostname": _is(rf"{_LABEL}(\.{_LABEL})*"),
    "ipv4": _reads(ipaddress.IPv4Address),
    "ipv6": _reads(ipaddress.IPv6Address),
    "uuid": _reads(uuid.UUID),
}
