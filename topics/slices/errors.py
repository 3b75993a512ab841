"""Errors of slices."""

from __future__ import annotations

from topics.errors import LogError


class SliceRefused(LogError):
    """A slice, or where it is to go, is not as it must be. Nothing was changed. The message says what, in one line."""
