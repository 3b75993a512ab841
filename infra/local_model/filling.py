"""What the scripted model puts where an argument must hold something: texts and numbers of the question. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_TEXT_CHARS = 200
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|`([^`\n]{1,200})`|(?<!\w)'([^'\n]{1,200})'(?!\w)")
_PLACE = re.compile(r"\b(?:in|for|of|at|to|about|named|called)\s+([^.?!\n]{1,200})[.?!]*\s*$", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?!\w)")


def quoted_in(asked: str) -> list[str]:
    """The texts that stand in quotation marks, in their order."""
    return [next(filter(None, match.groups())) for match in _QUOTED.finditer(asked)]


def filled(value: Any, asked: str) -> Any:
    """A JSON value with its empty texts and zeros taken from the question, in their order.

    Texts: what it quotes, then what its last clause is about, as in "the weather in Oslo?", else the question. Numbers:
    those in it; without them zeros stay.
    """
    return _filled(value, iter(quoted_in(asked)), iter(_NUMBER.findall(asked)), _subject(asked))


def _filled(value: Any, texts: Iterator[str], numbers: Iterator[str], subject: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, texts, numbers, subject) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, texts, numbers, subject) for each in value]
    if value == "" and isinstance(value, str):
        return next(texts, subject)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        number = next(numbers, None)
        return value if number is None else (float(number) if "." in number else int(number))
    return value


def _subject(asked: str) -> str:
    found = _PLACE.search(asked)
    return (found[1] if found else asked).strip()[:MAX_TEXT_CHARS]
