"""Checks the structure of a JSON text before it is parsed: limits, and no duplicate names. Pure.

Parsing and validating cost by the number of values, not by their length, and hold the interpreter's lock meanwhile. So
the values are counted first, on the bytes, in a few passes that each take a millisecond or two for a megabyte.
"""

from __future__ import annotations

import json
from typing import Any

MAX_VALUES = 100_000
"""Opening brackets, commas and strings in one body, each."""
MAX_DEPTH = 100
MAX_NAMES = 1_000
"""Names in one object."""
MAX_NAME_BYTES = 1_024
"""Of one name, as it stands in the body."""


class BadStructure(ValueError):
    """The text has more structure than is taken, or a name twice. The message quotes nothing of it."""


def check_structure(raw: bytes) -> None:
    """Raises BadStructure. Text that is no JSON at all may pass: the parser says what is wrong with it."""
    # Of equal length, so that what is found in one stands at the same place in the other.
    masked = raw.replace(b"\\\\", b"\x01\x01").replace(b'\\"', b"\x01\x01")
    if masked.count(b'"') > 2 * MAX_VALUES:
        raise BadStructure(f"it holds more than {MAX_VALUES:,} strings")
    pieces = masked.split(b'"')
    _check_values(b"".join(pieces[::2]))
    skeleton = _skeleton(raw, pieces)
    try:
        json.loads(skeleton, object_pairs_hook=_checked)
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadStructure):
            raise
        # No JSON: the parser finds the same and says where.


def _check_values(outside: bytes) -> None:
    """`outside`: the text without its strings."""
    depth = 0
    for byte in outside.translate(None, _NO_BRACKETS)[:MAX_VALUES]:
        depth += 1 if byte in b"{[" else -1
        if depth > MAX_DEPTH:
            raise BadStructure(f"depth limit exceeded: more than {MAX_DEPTH} levels")
    if outside.count(b",") + outside.count(b"{") + outside.count(b"[") > MAX_VALUES:
        raise BadStructure(f"it holds more than {MAX_VALUES:,} values")


def _skeleton(raw: bytes, pieces: list[bytes]) -> bytes:
    """The text with its long strings left empty. Raises BadStructure for a long name."""
    if len(raw) <= MAX_NAME_BYTES:
        return raw
    parts: list[bytes] = []
    at = 0
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            parts.append(piece)
        elif len(piece) <= MAX_NAME_BYTES:
            parts.append(raw[at : at + len(piece)])
        elif number + 1 < len(pieces) and pieces[number + 1].lstrip(b" \t\r\n").startswith(b":"):
            raise BadStructure(f"a name is longer than {MAX_NAME_BYTES:,} bytes")
        else:
            parts.append(b"")
        at += len(piece) + 1
    return b'"'.join(parts)


def _checked(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > MAX_NAMES:
        raise BadStructure(f"an object holds more than {MAX_NAMES:,} names")
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadStructure("an object holds the same name twice")


_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
