"""Derives the Avro schema of a record from its Python type.

`schemas/avro/*.avsc` is the contract and is never edited once published. This module writes the file of a new record
or version, and the tests hold every current file against its type.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from schemas.envelope import Content, Sealed

NAMESPACE = "verbatim"
_PRIMITIVES: dict[Any, str] = {str: "string", int: "long", float: "double", bool: "boolean", bytes: "bytes"}


def avro_schema(record_type: type) -> dict[str, Any]:
    """The self-contained Avro schema of a record type: nested types inline at first use, by name after it."""
    schema: dict[str, Any] = _record(record_type, set())
    return schema


def _record(record_type: type, seen: set[str]) -> Any:
    name = f"{NAMESPACE}.{record_type.__name__}"
    if name in seen:
        return name
    seen.add(name)
    hints = get_type_hints(record_type, include_extras=True)
    avro_fields = []
    for field in fields(record_type):
        avro: dict[str, Any] = {"name": field.name, "type": _type(hints[field.name], seen)}
        if field.default is not MISSING:
            avro["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        avro_fields.append(avro)
    doc = " ".join((record_type.__doc__ or "").split())
    head: dict[str, Any] = {"type": "record", "namespace": NAMESPACE, "name": record_type.__name__}
    if doc and not doc.startswith(record_type.__name__ + "("):
        head["doc"] = doc
    return {**head, "fields": avro_fields}


def _content(seen: set[str]) -> Any:
    if f"{NAMESPACE}.Content" in seen:
        return f"{NAMESPACE}.Content"
    seen.add(f"{NAMESPACE}.Content")
    body = {"name": "body", "type": ["string", _record(Sealed, seen)]}
    return {"type": "record", "namespace": NAMESPACE, "name": "Content", "fields": [body]}


def _type(hint: Any, seen: set[str]) -> Any:
    if hint == Content:
        return _content(seen)
    if hint in _PRIMITIVES:
        return _PRIMITIVES[hint]
    if is_dataclass(hint):
        assert isinstance(hint, type)  # noqa: S101 - narrows the type only
        return _record(hint, seen)
    origin, args = get_origin(hint), get_args(hint)
    if hasattr(hint, "__metadata__"):
        return {"type": _type(args[0], seen), "logicalType": hint.__metadata__[0]}
    if origin is Literal:
        return "string"
    if origin is tuple:
        return {"type": "array", "items": _type(args[0], seen)}
    if origin in (Union, types.UnionType) and type(None) in args:
        inner = [arg for arg in args if arg is not type(None)]
        return ["null", _type(Union[tuple(inner)], seen)]  # noqa: UP007 - built at run time
    raise TypeError(f"no Avro type for {hint!r}")
