"""What people sign in as. Pure."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from api.http.errors import bad_request

LONGEST = 64


def prepared(name: str) -> str:
    """The same name for every keyboard that writes it (NFKC, as RFC 8265 asks for)."""
    return unicodedata.normalize("NFKC", name).strip()


def checked_name(name: str) -> str:
    """`name`, prepared, if somebody may choose it. Raises ApiError 400.

    Not the form of an id: who is looked for by an id must not be found by a name. Nor what cannot be seen: two names
    that look alike to everybody would be two people's.
    """
    chosen = prepared(name)
    if not 0 < len(chosen) <= LONGEST or not chosen.isprintable():
        raise bad_request(f"A name has 1 to {LONGEST} characters that can be seen.", param="name")
    if is_id(chosen):
        raise bad_request("A name must not have the form of an id.", param="name")
    return chosen


def is_id(text: str) -> bool:
    """Whether this is written as an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
