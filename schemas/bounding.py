"""Limits values from outside to what a record can hold. Pure.

Nothing that an honest process writes is changed: the bounds are far above any id, name or message of ours.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

MAX_FIELD_CHARS = 8192
"""Per text. The fields of a record beside its content are some twenty texts: with key and headers less than 1 MB."""
MAX_INT = 2**63 - 1

T = TypeVar("T")


def bounded(value: T) -> T:
    """`value`, or where it cannot be kept as it is, a copy with its texts cut and made well-formed and its integers
    within 64 bits. Records within it are bounded likewise."""
    return cast(T, _bounded(value))


def _bounded(value: object) -> object:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, -MAX_INT - 1), MAX_INT)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for field in fields(value):
            before = getattr(value, field.name)
            after = _bounded(before)
            if after is not before:
                changed[field.name] = after
        return replace(value, **changed) if changed else value
    return value


def _text(text: str) -> str:
    if text.isascii() and len(text) <= MAX_FIELD_CHARS:
        return text
    cut = text[:MAX_FIELD_CHARS] if len(text) > MAX_FIELD_CHARS else text
    try:
        cut.encode()
    except UnicodeEncodeError:
        return cut.encode("utf-8", "replace").decode()
    return cut
