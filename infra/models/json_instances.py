"""The smallest JSON value that keeps to a schema: what a model without weights answers. Pure and deterministic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

from infra.models.json_conjunction import Never, both
from infra.models.json_patterns import NoText, text_of
from infra.models.json_schemas import referenced
from infra.models.json_validity import TooMuch, Validity

MAX_STEPS = 20_000
"""Values, and texts of TEXT_STEP characters, that may be tried or made."""
MAX_DEPTH = 64
TEXT_STEP = 64
_ALL = ("null", "boolean", "integer", "number", "string", "array", "object")
_SHOWS = (
    ("object", ("properties", "required", "additionalProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
)
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "a@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class NoInstance(Exception):
    """No value was found that keeps to the schema: there is none, or it is too large or too hard to find."""


def instance_of(schema: Any) -> Any:
    """A value that keeps to `schema`, one that passed `check_schema`: nested as little as possible, without what may
    be left out. Raises NoInstance."""
    for as_meant in (True, False):
        maker = _Maker(schema, as_meant=as_meant)
        # The least nesting that is enough: schemas that refer to themselves have no other end.
        for depth in range(1, MAX_DEPTH + 1):
            try:
                return maker.made(schema, depth)
            except _Impossible:
                continue
            except (TooMuch, RecursionError):
                break
    raise NoInstance


class _Impossible(Exception):
    """Not in this way, or not with so little nesting."""


class _Maker:
    """`as_meant`: where a schema names no type, what its keywords speak of; else any other kind of value too."""

    def __init__(self, root: Any, *, as_meant: bool) -> None:
        self._root = root
        self._as_meant = as_meant
        self._left = MAX_STEPS

    def made(self, schema: Any, depth: int) -> Any:
        """Raises _Impossible, TooMuch."""
        if depth <= 0:
            raise _Impossible
        for flat in self._alternatives(schema, depth):
            for kind in _kinds(flat, as_meant=self._as_meant):
                try:
                    return self._of_kind(kind, flat, depth)
                except _Impossible:
                    continue
        raise _Impossible

    def _alternatives(self, schema: Any, depth: int) -> Iterator[dict[str, Any]]:
        """The schema without references, alternatives and conjunctions: each of what it can mean."""
        self._spend(1)
        if isinstance(schema, bool):
            yield from [{}] if schema else []
            return
        if depth <= 0:
            return
        own = {name: value for name, value in schema.items() if name not in ("$ref", "anyOf", "allOf")}
        groups = [[one] for one in schema.get("allOf", ())]
        groups += [[referenced(schema["$ref"], self._root)]] if "$ref" in schema else []
        groups += [schema["anyOf"]] if "anyOf" in schema else []
        if not groups:
            yield own
            return
        meant = [itertools.chain.from_iterable(self._alternatives(one, depth - 1) for one in group) for group in groups]
        for chosen in itertools.product(*meant):
            self._spend(1)
            try:
                yield reduce(both, chosen, own)
            except Never:
                continue

    def _of_kind(self, kind: str, flat: dict[str, Any], depth: int) -> Any:
        self._spend(1)
        match kind:
            case "named":
                return self._named(flat)
            case "object":
                return self._object(flat, depth)
            case "array":
                first, rest = flat.get("prefixItems", []), flat.get("items", True)
                least = flat.get("minItems", 0)
                if least > flat.get("maxItems", least):
                    raise _Impossible
                return [self.made(first[at] if at < len(first) else rest, depth - 1) for at in range(least)]
            case "string":
                return self._text(flat)
            case "integer" | "number":
                return _number(flat, whole=kind == "integer")
            case "boolean":
                return False
            case _:
                return None

    def _named(self, flat: dict[str, Any]) -> Any:
        """One of the values that the schema names, if the rest of it allows that."""
        rest = {name: value for name, value in flat.items() if name not in ("const", "enum")}
        named = [flat["const"]] if "const" in flat else flat["enum"]
        validity = Validity(self._root)
        for value in named:
            if validity.holds(value, rest | {name: flat[name] for name in ("const", "enum") if name in flat}):
                return value
        raise _Impossible

    def _object(self, flat: dict[str, Any], depth: int) -> dict[str, Any]:
        known, others = flat.get("properties", {}), flat.get("additionalProperties", True)
        required = set(flat.get("required", ()))
        names = [*(name for name in known if name in required), *sorted(required - set(known))]
        return {name: self.made(known.get(name, others), depth - 1) for name in names}

    def _text(self, flat: dict[str, Any]) -> str:
        least, most = flat.get("minLength", 0), flat.get("maxLength")
        self._spend(least // TEXT_STEP)
        if "pattern" in flat:
            if "format" in flat:
                raise _Impossible
            try:
                return text_of(flat["pattern"], least, most)
            except NoText:
                raise _Impossible from None
        text = _FORMATS[flat["format"]] if "format" in flat else "a" * least
        if len(text) < least or (most is not None and len(text) > most):
            raise _Impossible
        return text

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooMuch


def _kinds(flat: dict[str, Any], *, as_meant: bool) -> tuple[str, ...]:
    """The kinds of value to try, in turn."""
    if "const" in flat or "enum" in flat:
        return ("named",)
    if "type" in flat:
        wanted = flat["type"]
        return (wanted,) if isinstance(wanted, str) else tuple(wanted)
    meant = [kind for kind, keywords in _SHOWS if any(keyword in flat for keyword in keywords)]
    if meant and as_meant:
        return tuple(meant)
    return (*meant, *(kind for kind in _ALL if kind not in meant))


def _number(flat: dict[str, Any], *, whole: bool) -> float:
    """The number nearest to 0 between the bounds."""
    lowest = max((flat[name] for name in ("minimum", "exclusiveMinimum") if name in flat), default=-math.inf)
    highest = min((flat[name] for name in ("maximum", "exclusiveMaximum") if name in flat), default=math.inf)
    candidates: list[float] = [0]
    if lowest > -math.inf:
        candidates += [math.ceil(lowest), math.floor(lowest) + 1]
    if highest < math.inf:
        candidates += [math.floor(highest), math.ceil(highest) - 1]
    if not whole:
        candidates += [bound for bound in (lowest, highest) if math.isfinite(bound)]
        candidates += [(lowest + highest) / 2] if math.isfinite(lowest) and math.isfinite(highest) else []
    bounds = {name: flat[name] for name in flat if name.endswith("imum")}
    fits = [number for number in candidates if Validity(bounds).holds(number, bounds)]
    if not fits:
        raise _Impossible
    return min(fits, key=lambda number: (abs(number), number))
