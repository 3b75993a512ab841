"""Lists and limits in cells, as JSON. Pure. What cannot be read was written by nobody here: it grants nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from schemas.identity import NO_LIMITS, KeyLimits

_NUMBERS = tuple(field.name for field in fields(KeyLimits) if field.name != "models")


def limits_cell(limits: KeyLimits | None) -> str | None:
    """The limits that there are; None: nothing is said of them."""
    if limits is None:
        return None
    return json.dumps({name: value for name, value in asdict(limits).items() if value is not None})


def limits_of(cell: str | None) -> KeyLimits:
    """What `limits_cell` wrote. A limit that only a newer release knows is not kept here."""
    read = _read(cell)
    if not isinstance(read, dict):
        return NO_LIMITS
    numbers = {name: read[name] for name in _NUMBERS if isinstance(read.get(name), int)}
    models = read.get("models")
    return KeyLimits(**numbers, models=words_of(models) if isinstance(models, list) else None)


def words_of(cell: str | list[Any] | None) -> tuple[str, ...] | None:
    """A list of words; None: nothing is said; a cell that holds anything else: no words."""
    if cell is None:
        return None
    read = _read(cell) if isinstance(cell, str) else cell
    return tuple(word for word in read if isinstance(word, str)) if isinstance(read, list) else ()


def _read(cell: str | None) -> Any:
    try:
        return None if cell is None else json.loads(cell)
    except ValueError:
        return None
