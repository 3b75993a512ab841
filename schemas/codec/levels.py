"""Which schemas this process writes, and which it reads.

Every process says once, at its start, up to which write level it writes. It knows its whole index, except in the tests
and the demo of version skew, where a process is made to know less, as an older release does.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.registry import WRITE_LEVEL, RegisteredSchema, registered_schemas, versions_of

NEWER_IDS = 1000
"""How far above the newest known id a schema id is taken for a newer release's; further on it is damage."""

_write_level = WRITE_LEVEL
_newest = max(registered_schemas())
_on_change: list[Callable[[], None]] = []


def on_change(forget: Callable[[], None]) -> None:
    """Have `forget` called whenever another level is written or other schemas are known."""
    _on_change.append(forget)


def set_write_level(level: int) -> None:
    """From now on no schema above this write level is written. Every process says so once, at its start.

    Raises ValueError for a level that this release does not write.
    """
    global _write_level
    if not 1 <= level <= WRITE_LEVEL:
        raise ValueError(f"write level {level} is not known: this release writes 1 to {WRITE_LEVEL}")
    _write_level = level
    _changed()


def write_level() -> int:
    """The level that is written at most."""
    return _write_level


def know_none_above(schema_id: int) -> None:
    """From now on this process knows no schema above this id: it takes records of those for a newer release's.

    What an older release is like, for the tests and the demo of version skew.
    """
    global _newest
    _newest = schema_id
    _changed()


def known(schema_id: int) -> RegisteredSchema | None:
    """The schema with this id, if this process knows it."""
    return registered_schemas().get(schema_id) if schema_id <= _newest else None


def is_newer(schema_id: int) -> bool:
    """Whether an id that is not in the index is just above it, as a newer release's are."""
    return _newest < schema_id <= _newest + NEWER_IDS


def written_versions(record_type: type, level: int) -> list[RegisteredSchema]:
    """The versions of a record type that may be written at this level, the oldest first. Raises KeyError."""
    return [each for each in versions_of(record_type) if each.writes <= level and each.id <= _newest]


def is_written(record_type: type) -> bool:
    """Whether records of this type may be written at this process' level; some kinds only newer releases read."""
    return bool(written_versions(record_type, _write_level))


def _changed() -> None:
    for forget in _on_change:
        forget()
