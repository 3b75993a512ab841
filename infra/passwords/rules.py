"""What may be a password. Pure."""

from __future__ import annotations

import unicodedata

from infra.passwords.hashing import LONGEST, SHORTEST

_COMMON = frozenset(
    {"1234567890", "0123456789", "qwertyuiop", "password12", "password123", "password1234", "passwordpassword"}
)


class WeakPassword(ValueError):
    """A password that is not taken. The message says what is allowed, never what was given."""


def prepared(password: str) -> str:
    """The same text for every keyboard that writes it (NFKC, as RFC 8265 asks for)."""
    return unicodedata.normalize("NFKC", password)


def checked_password(password: str, name: str) -> str:
    """`password`, prepared. Raises WeakPassword."""
    text = prepared(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
    if "\x00" in text:
        raise WeakPassword("A password holds no zero character.")
    if len(set(text)) < 4 or text.lower() in _COMMON:
        raise WeakPassword("This password is among the first that anybody tries. Choose another one.")
    if name and name.lower() in text.lower() and len(text) - len(name) < 6:
        raise WeakPassword("The password is the name, or little more. Choose another one.")
    return text
