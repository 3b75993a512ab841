"""Declares at startup which record versions a process reads and writes."""

from __future__ import annotations

from infra.planted import planted
from infra.settings import Settings
from schemas.codec import know_none_above, set_write_level


def speak(settings: Settings) -> None:
    """From now on this process writes nothing above the level of its settings. Once, before it writes or reads."""
    set_write_level(settings.log.level)
    if planted().newest_schema:
        know_none_above(planted().newest_schema)
