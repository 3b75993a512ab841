"""Draws random ids and secrets. Ids that a retry must find again are derived instead: see schemas/ids.py."""

from __future__ import annotations

import secrets
import uuid


def draw_uuid() -> uuid.UUID:
    """A random UUID (version 4), different at every call."""
    return uuid.uuid4()


def draw_id() -> str:
    """A random UUID in its usual text form."""
    return str(draw_uuid())


def draw_attempt_id() -> str:
    """64 random bits as 16 hex characters: unique among the attempts of one generation, and short in every chunk."""
    return secrets.token_hex(8)


def draw_bytes(count: int) -> bytes:
    """Random bytes from the system's CSPRNG."""
    return secrets.token_bytes(count)


def draw_secret(bytes_: int = 32) -> str:
    """A random secret of `bytes_` bytes in URL-safe base64 without padding, from the system's CSPRNG."""
    return secrets.token_urlsafe(bytes_)
