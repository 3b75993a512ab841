"""Converts records to and from the dictionaries of fastavro; converters are made once from the types."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, Union, get_args, get_origin, get_type_hints

from schemas.envelope import Content, Sealed

Converter = Callable[[Any], Any]


def without_logical_types(schema: Any) -> Any:
    """The schema of the same bytes in which a time is a plain integer: fastavro hands it over several times faster."""
    if isinstance(schema, dict):
        if "logicalType" in schema:
            return schema["type"]
        return {key: without_logical_types(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [without_logical_types(item) for item in schema]
    return schema


def _sealed_from_wire(value: Any) -> Sealed:
    return Sealed(value["key_id"], value["nonce"], value["ciphertext"])


def _content_to_wire(value: Content) -> dict[str, Any]:
    if isinstance(value, str):
        return {"body": value}
    return {"body": {"key_id": value.key_id, "nonce": value.nonce, "ciphertext": value.ciphertext}}


def _content_from_wire(value: dict[str, Any]) -> Content:
    body = value["body"]
    return body if isinstance(body, str) else _sealed_from_wire(body)


def _optional(convert: Converter | None) -> Converter | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _inner_of_optional(hint: Any) -> Any | None:
    if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
        return Union[tuple(arg for arg in get_args(hint) if arg is not type(None))]  # noqa: UP007 - built at run time
    return None


def _to_wire(hint: Any) -> Converter | None:
    """How a value of a type becomes what fastavro writes; None: it is that already."""
    if hint == Content:
        return _content_to_wire
    if is_dataclass(hint) and isinstance(hint, type):
        return record_to_wire(hint)
    if (inner := _inner_of_optional(hint)) is not None:
        return _optional(_to_wire(inner))
    if get_origin(hint) is tuple:
        item = _to_wire(get_args(hint)[0])
        return list if item is None else lambda values: [item(value) for value in values]
    return None


def _from_wire(hint: Any) -> Converter | None:
    if hint == Content:
        return _content_from_wire
    if is_dataclass(hint) and isinstance(hint, type):
        return record_from_wire(hint)
    if (inner := _inner_of_optional(hint)) is not None:
        return _optional(_from_wire(inner))
    if get_origin(hint) is tuple:
        item = _from_wire(get_args(hint)[0])
        return tuple if item is None else lambda values: tuple([item(value) for value in values])
    return None


def record_to_wire(record_type: type, left_out: str | None = None) -> Converter:
    """From a record to its dictionary, without the field `left_out`."""
    hints = get_type_hints(record_type)
    names = tuple(field.name for field in fields(record_type) if field.name != left_out)
    # attrgetter with one name gives the bare value; every record here has more than one field or is below.
    values_of = attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, names[0]),)
    converters = [(name, convert) for name in names if (convert := _to_wire(hints[name])) is not None]

    def to_wire(record: Any) -> dict[str, Any]:
        wire = dict(zip(names, values_of(record), strict=True))
        for name, convert in converters:
            wire[name] = convert(wire[name])
        return wire

    return to_wire


def record_from_wire(record_type: type, ready: str | None = None) -> Converter:
    """From a dictionary to its record; the value of field `ready` needs no conversion."""
    hints = get_type_hints(record_type)
    names = [field.name for field in fields(record_type) if field.name != ready]
    converters = [(name, convert) for name in names if (convert := _from_wire(hints[name])) is not None]

    def from_wire(wire: dict[str, Any]) -> Any:
        for name, convert in converters:
            if name in wire:  # what an older version lacks has its default
                wire[name] = convert(wire[name])
        return record_type(**wire)

    return from_wire
