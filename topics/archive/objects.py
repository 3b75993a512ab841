"""Where an archive's objects are."""

from __future__ import annotations

from infra.objects import Objects, Use, open_store
from topics.errors import ArchiveUnavailable

__all__ = ["Objects", "open_objects"]

ARCHIVE = Use("archive", ArchiveUnavailable)


def open_objects(url: str, *, create: bool = False) -> Objects:
    """The objects of the archive at `url`, as `infra.objects.open_store`. Every error is an ArchiveUnavailable."""
    return open_store(url, ARCHIVE, create=create)
