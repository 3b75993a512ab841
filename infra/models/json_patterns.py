"""A short text that a regular expression matches, made by walking the expression: nothing is searched. Pure."""

from __future__ import annotations

import importlib
import re
from typing import Any

MAX_TEXT = 10_000
_PREFERRED = "a0 _-A.,:/@"
_PRINTABLE = [*map(ord, _PREFERRED), *range(ord("a"), ord("z") + 1), *range(33, 127), *range(0xA1, 0x3000)]
_DIGITS, _SPACES = frozenset(range(48, 58)), frozenset(b" \t\n\r\f\v")
_WORDS = frozenset(map(ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")) | _DIGITS
_parse: Any = importlib.import_module("re._parser").parse


class NoText(Exception):
    """No such text was found."""


def text_of(pattern: str, least: int = 0, most: int | None = None) -> str:
    """A text of `least` to `most` characters in which `pattern`, one that passed `check_schema`, has a match. Raises
    NoText. Anchors are understood at the two ends of the pattern."""
    try:
        items = list(_parse(pattern))
    except (re.error, RecursionError, OverflowError):
        raise NoText from None
    begins, ends = False, False
    if items and str(items[0][0]) == "AT" and str(items[0][1]).startswith("AT_BEGINNING"):
        begins, items = True, items[1:]
    if items and str(items[-1][0]) == "AT" and str(items[-1][1]).startswith("AT_END"):
        ends, items = True, items[:-1]
    text = _text(items, 0)
    if len(text) < least:
        if begins and ends:
            text = _text(items, least - len(text))
        else:
            filler = "a" * (least - len(text))
            text = filler + text if ends else text + filler
    if len(text) < least or (most is not None and len(text) > most):
        raise NoText
    return text


def _text(items: Any, wish: int) -> str:
    """`wish`: how many characters more than needed are wanted. As many come as repeated parts can give."""
    parts: list[str] = []
    length = 0
    for name, argument in items:
        part = _part(str(name), argument, 0)
        if wish > 0:
            longer = _part(str(name), argument, wish)
            wish -= len(longer) - len(part)
            part = longer
        length += len(part)
        if length > MAX_TEXT:
            raise NoText
        parts.append(part)
    return "".join(parts)


def _part(name: str, argument: Any, wish: int) -> str:
    match name:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return _first(lambda code: code != argument)
        case "ANY":
            return "a"
        case "IN":
            return _first(lambda code: _in(code, argument))
        case "BRANCH":
            shortest = min((_text(branch, 0) for branch in argument[1]), key=len)
            if wish <= 0:
                return shortest
            fitting = [text for branch in argument[1] if len(text := _text(branch, wish)) <= len(shortest) + wish]
            return max(fitting, key=len, default=shortest)
        case "SUBPATTERN":
            return _text(argument[-1], wish)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = argument
            text = _text(inner, 0) if most else ""
            further = wish // len(text) if text else 0
            times = min(int(least) + further, int(most))
            if times > MAX_TEXT or len(text) * times > MAX_TEXT:
                raise NoText
            return text * times
        case _:
            raise NoText


def _first(holds: Any) -> str:
    for code in _PRINTABLE:
        if holds(code):
            return chr(code)
    raise NoText


def _in(code: int, members: Any) -> bool:
    negated = bool(members) and str(members[0][0]) == "NEGATE"
    return any(_is_member(code, str(name), argument) for name, argument in members) != negated


def _is_member(code: int, name: str, argument: Any) -> bool:
    match name:
        case "LITERAL":
            return bool(code == argument)
        case "RANGE":
            return bool(argument[0] <= code <= argument[1])
        case "CATEGORY":
            return _in_category(code, str(argument))
        case _:
            return False


def _in_category(code: int, category: str) -> bool:
    kinds = {"DIGIT": _DIGITS, "SPACE": _SPACES, "WORD": _WORDS}
    kind = category.removeprefix("CATEGORY_")
    if kind.startswith("NOT_"):
        # What is outside of ASCII may be a letter of some language.
        return code < 128 and code not in kinds[kind.removeprefix("NOT_")]
    return code in kinds[kind]
