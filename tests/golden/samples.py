"""One record of every type in several shapes, always the same: what the golden bytes are made of."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from schemas.envelope import Content, Sealed
from schemas.generation import TokenChunk
from schemas.parts import ChunkPart

SHAPES = ("full", "sparse", "sealed")
"""Everything there and plain; every optional absent and every list empty; every content sealed."""

_UUID = "0f6a2f0e-6d4e-5a55-9c0b-2b1f8a3f5c11"
_AT_US = 1_763_692_800_123_456
MORE: Mapping[type, Mapping[str, Any]] = {
    TokenChunk: {
        "first": TokenChunk(_UUID, "00ff00ff00ff00ff", 1, _AT_US, 1, "Hello"),
        "long": TokenChunk(_UUID, "00ff00ff00ff00ff", 4711, _AT_US, 25, "äöü\r\n\u2028\0🦉" * 20),
        "reasoning": TokenChunk(
            _UUID, "00ff00ff00ff00ff", 1, _AT_US, 3, "Let me see.", None, ChunkPart(0, "reasoning")
        ),
        "after": TokenChunk(_UUID, "00ff00ff00ff00ff", 2, _AT_US, 1, "Hello", None, ChunkPart(1, "text")),
        "call": TokenChunk(
            _UUID, "00ff00ff00ff00ff", 3, _AT_US, 0, "", None, ChunkPart(200, "tool_call", "call_ä", "get_weather")
        ),
        "logprobs": TokenChunk(_UUID, "00ff00ff00ff00ff", 1, _AT_US, 1, "Hi", None, None, '[{"token":"Hi"}]'),
    }
}
"""Shapes that matter beyond those: the ones chunk_codec writes itself."""


def samples(record_type: type) -> dict[str, Any]:
    """The samples of a type by name; a shape that adds nothing to an earlier one is left out."""
    found: dict[str, Any] = {}
    for shape in SHAPES:
        made = _value(record_type, record_type.__name__, shape)
        if made not in found.values():
            found[shape] = made
    return {**found, **MORE.get(record_type, {})}


def as_json(value: Any) -> Any:
    """A record as JSON can hold it and people can read it."""
    if is_dataclass(value) and not isinstance(value, type):
        shown = {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
        return {"sealed": shown} if isinstance(value, Sealed) else shown
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return value


def _value(hint: Any, name: str, shape: str) -> Any:
    if hint == Content:
        return Sealed(f"key of {name}", b"\0\1\2", bytes(range(250, 256))) if shape == "sealed" else f"{name}: ä\r\n🦉"
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return hint(**{field.name: _value(hints[field.name], field.name, shape) for field in fields(hint)})
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return () if shape == "sparse" else tuple(_value(arguments[0], f"{name} {n}", shape) for n in (1, 2))
    if origin in (Union, types.UnionType):
        inner = tuple(argument for argument in arguments if argument is not type(None))
        return None if shape == "sparse" else _value(Union[inner], name, shape)  # noqa: UP007 - built at run time
    number = sum(name.encode())
    plain = {str: f"the {name}", int: _AT_US + number if "_us" in name else number, float: number / 8, bool: True}
    return {**plain, bytes: name.encode()}[hint]
