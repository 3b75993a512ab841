"""Mistakes in a TOML file of models, prices or tiers: one line each, with its place."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from infra.models.spec import ModelsFileError
from infra.models.toml_lines import KeyPath, line_of

_SYNTAX_LINE = re.compile(r"^(.*?) \(at line (\d+), column \d+\)$", re.DOTALL)


class StrictTable(BaseModel):
    """A table in which every key is known and of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


ENTRIES = ("model", "embedding", "tier")
"""What a file has several of, each with an id."""
Tables = Mapping[tuple[str, ...], type[StrictTable]]
"""The tables of a file by the names on the way to them."""


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """A file's text and what it says; its fractions are Decimals. Raises ModelsFileError."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ModelsFileError(path, 1, f"cannot be read ({error.strerror}), a TOML file is expected") from None
    except UnicodeDecodeError:
        raise ModelsFileError(path, 1, "is not UTF-8, a TOML file in UTF-8 is expected") from None
    try:
        return text, tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_LINE.match(str(error))
        line = int(match[2]) if match else text.count("\n") + 1
        raise ModelsFileError(path, line, f"{match[1] if match else error}, valid TOML is expected") from None


def first_mistake(
    path: Path, lines: dict[KeyPath, int], document: dict[str, Any], error: ValidationError, tables: Tables
) -> ModelsFileError:
    """The first mistake of the first wrong model, as one line; a misspelt key before the one that is missing for it."""

    def order(detail: ErrorDetails) -> tuple[int, bool, int]:
        location = detail["loc"]
        entry = location[1] if len(location) > 1 and location[0] in ENTRIES else -1
        return (entry if isinstance(entry, int) else -1, detail["type"] == "missing", line_of(lines, location))

    detail = min(error.errors(include_url=False), key=order)
    line = line_of(lines, detail["loc"])
    location = detail["loc"]
    where = ""
    if len(location) > 1 and location[0] in ENTRIES:
        kind = location[0]
        entry = document[kind][location[1]]
        name = entry.get("id") if isinstance(entry, dict) else None
        where = f"{kind} {name!r}: " if isinstance(name, str) else ""
    return ModelsFileError(path, line, where + _in_words(detail, _keys_at(location, tables)))


def _keys_at(location: tuple[int | str, ...], tables: Tables) -> list[str]:
    """The keys that may stand where `location` ends."""
    names = tuple(part for part in location[:-1] if isinstance(part, str))
    return list(tables[names].model_fields) if names in tables else []


def _in_words(detail: ErrorDetails, keys: list[str]) -> str:
    key = next((str(part) for part in reversed(detail["loc"]) if isinstance(part, str)), "")
    match detail["type"]:
        case "missing":
            return f"the key {key!r} is missing, every {_kind(detail)} needs it"
        case "extra_forbidden":
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(keys)}"
            return f"unknown key {key!r}, {hint}"
        case "value_error":
            message = detail["msg"].removeprefix("Value error, ")
            return f"{key}: {message}" if key not in (*ENTRIES, "") else message
        case _:
            expected = detail["msg"].removeprefix("Input should be ").removeprefix("String should ")
            return f"{key} = {_shown(detail['input'])} is wrong, expected: {expected}"


def _kind(detail: ErrorDetails) -> str:
    kind = str(detail["loc"][0])
    return kind if kind in ENTRIES else "model"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
