"""Finds the line of a key in a TOML file: tomllib keeps no line numbers."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]
"""Like ("model", 0, "price", "input"): table names, indexes of arrays of tables, keys."""

_HEADER = re.compile(r"^\s*(\[\[|\[)([^\[\]]+)(\]\]|\])\s*(#.*)?$")
_KEY_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*(\.|=)""")
_NAME = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line number (from 1) of every table header and key of valid TOML. Keys of inline tables are not listed."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        if header := _HEADER.match(line):
            table = _enter(_names(header[2]), counts, appends=header[1] == "[[")
            found.setdefault(table, number)
            if isinstance(table[-1], int):
                found.setdefault(table[:-1], number)  # of the array as a whole
        elif key := _key_of(line):
            parts, rest = key
            for length in range(1, len(parts) + 1):
                found.setdefault(table + parts[:length], number)
            at = _after_value(lines, number - 1, len(line) - len(rest))
    return found


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of `path`, or of the nearest thing around it; 1 for the file as a whole."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(next(part for part in match if part) for match in _NAME.findall(dotted))


def _enter(names: tuple[str, ...], counts: dict[KeyPath, int], *, appends: bool) -> KeyPath:
    """The path of a header, with the index of every array of tables on the way."""
    path: KeyPath = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if appends and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _key_of(line: str) -> tuple[tuple[str, ...], str] | None:
    parts: list[str] = []
    position = 0
    while match := _KEY_PART.match(line, position):
        parts.extend(_names(match[1]))
        position = match.end()
        if match[2] == "=":
            return tuple(parts), line[position:]
    return None


def _after_value(lines: list[str], row: int, column: int) -> int:
    """The row after the value that begins at (row, column): values may span rows in arrays and long strings."""
    depth, quote = 0, ""
    while row < len(lines):
        line = lines[row]
        while column < len(line):
            if quote:
                if line[column] == "\\" and quote[0] == '"':
                    column += 1
                elif line.startswith(quote, column):
                    column += len(quote) - 1
                    quote = ""
            elif line[column] in "\"'":
                mark = line[column]
                quote = mark * 3 if line.startswith(mark * 3, column) else mark
                column += len(quote) - 1
            elif line[column] == "#":
                break
            else:
                depth += (line[column] in "[{") - (line[column] in "]}")
            column += 1
        if not depth and len(quote) < 3:
            return row + 1
        row, column = row + 1, 0
    return row
