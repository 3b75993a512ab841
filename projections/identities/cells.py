"""Lists and limits in cells, as JSON. Pure. What cannot be read was written by nobody here: it grants nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from schemas.identity import NO_LIMITS, KeyLimits

NOTHING = KeyLimits(models=())
"""No model may be asked."""
_NUMBERS = tuple(field.name for field in fields(KeyLimits) if field.name != "models")


def limits_cell(limits: KeyLimits | None) -> str | None:
    """The limits that there are; None: nothing is said of them."""
    if limits is None:
        return None
    return json.dumps({name: value for name, value in asdict(limits).items() if value is not None})


def limits_of(cell: str | None) -> KeyLimits:
    """What `limits_cell` wrote. Of anything else, a limit of a newer release too: NOTHING."""
    if cell is None:
        return NO_LIMITS
    read = _read(cell)
    if not isinstance(read, dict) or not read.keys() <= {*_NUMBERS, "models"}:
        return NOTHING
    numbers = {name: read[name] for name in _NUMBERS if name in read}
    if any(type(number) is not int or number < 1 for number in numbers.values()):
        return NOTHING
    models = read.get("models")
    return KeyLimits(**numbers, models=words_of(models) if isinstance(models, list) else None if models is None else ())


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
