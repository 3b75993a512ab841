"""Cursors: the place where a page ended, opaque to clients. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

_MAX_CHARACTERS = 1024


class BadCursor(ValueError):
    """A cursor that no page of ours ended with."""

    def __init__(self) -> None:
        super().__init__("the cursor does not come from this list")


def encode_cursor(number: int, text: str) -> str:
    """A cursor of letters that need no quoting."""
    return base64.urlsafe_b64encode(json.dumps([number, text]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[int, str]:
    """What a cursor was made of; the number is not negative and fits 63 bits. Raises BadCursor."""
    if len(cursor) > _MAX_CHARACTERS:
        raise BadCursor
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor from None
    match parts:
        case [int(number), str(text)] if type(number) is int and 0 <= number < 2**63:
            return number, text
    raise BadCursor
