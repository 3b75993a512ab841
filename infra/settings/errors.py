"""What is wrong with settings."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting is unknown, missing or wrong. The message names it, its source and what is expected."""
