"""Two JSON schemas as one that allows what both allow. Pure.

What is nested is joined later: as `allOf`, a keyword that users' schemas do not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from infra.models.json_validity import same

_MOST_OF = ("minItems", "minLength", "minimum", "exclusiveMinimum")
_LEAST_OF = ("maxItems", "maxLength", "maximum", "exclusiveMaximum")
_ONE_ALONE = ("pattern", "format")


class Never(Exception):
    """Nothing keeps to both, or it cannot be told what does."""


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What keeps to `one` and to `other`, schemas without $ref and anyOf. Raises Never."""
    joined = one | other
    for name in one.keys() & other.keys():
        if name in _MOST_OF:
            joined[name] = max(one[name], other[name])
        elif name in _LEAST_OF:
            joined[name] = min(one[name], other[name])
        elif name in _ONE_ALONE and one[name] != other[name]:
            raise Never
    if "type" in one and "type" in other:
        joined["type"] = _types(_listed(one["type"]), _listed(other["type"]))
    if "const" in one and "const" in other and not same(one["const"], other["const"]):
        raise Never
    if "enum" in one and "enum" in other:
        joined["enum"] = [value for value in one["enum"] if any(same(value, known) for known in other["enum"])]
        if not joined["enum"]:
            raise Never
    if "required" in one and "required" in other:
        joined["required"] = [*one["required"], *other["required"]]
    _join_properties(one, other, joined)
    _join_items(one, other, joined)
    return joined


def _join_properties(one: dict[str, Any], other: dict[str, Any], joined: dict[str, Any]) -> None:
    known, others = one.get("properties", {}), other.get("properties", {})
    if names := [*known, *(name for name in others if name not in known)]:
        rest, other_rest = one.get("additionalProperties", True), other.get("additionalProperties", True)
        joined["properties"] = {name: _nested(known.get(name, rest), others.get(name, other_rest)) for name in names}
    if "additionalProperties" in one and "additionalProperties" in other:
        joined["additionalProperties"] = _nested(one["additionalProperties"], other["additionalProperties"])


def _join_items(one: dict[str, Any], other: dict[str, Any], joined: dict[str, Any]) -> None:
    first, others = one.get("prefixItems", []), other.get("prefixItems", [])
    rest, other_rest = one.get("items", True), other.get("items", True)
    if first or others:
        missing = object()
        joined["prefixItems"] = [
            _nested(rest if a is missing else a, other_rest if b is missing else b)
            for a, b in zip_longest(first, others, fillvalue=missing)
        ]
    if "items" in one and "items" in other:
        joined["items"] = _nested(rest, other_rest)


def _nested(one: Any, other: Any) -> Any:
    if one is True:
        return other
    if other is True:
        return one
    return False if one is False or other is False else {"allOf": [one, other]}


def _types(wanted: list[str], others: list[str]) -> list[str]:
    found = [kind for kind in wanted if kind in others]
    for narrow, wide in ((wanted, others), (others, wanted)):
        if "integer" in narrow and "number" in wide and "integer" not in found:
            found.append("integer")
    if not found:
        raise Never
    return found


def _listed(kinds: str | Iterable[str]) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds)
