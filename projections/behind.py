"""Finds projections with an older definition than this code has, and what must be done. Pure.

`up` asks: it rebuilds those that are behind, and refuses tables of a release that it is older or much newer than.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.registry import DEFINITIONS, names, newest
from projections.versions import LATE, Version

_UNFINISHED = ("making", "filling")


def behind(versions: Sequence[Version], pointers: Mapping[str, int]) -> tuple[str, ...]:
    """The projections to be rebuilt, in the registry's order.

    None that has a whole version of the newest definition: if another one is read, an operator went back to that.
    """
    whole = {
        row.projection
        for row in versions
        if row.state == "ready" and row.run != LATE and row.definition == newest_of(row.projection)
    }
    return tuple(name for name in names() if name in pointers and name not in whole)


def newest_of(name: str) -> int:
    """The number of a projection's newest definition; 0 for a projection that this code has not."""
    return newest(name).definition if name in names() else 0


def refusal(versions: Sequence[Version], pointers: Mapping[str, int]) -> str | None:
    """Why this code must not run on these tables, in one line; None: it may."""
    for row in versions:
        if not row.is_written and pointers.get(row.projection) != row.version:
            continue
        known = [p.definition for p in DEFINITIONS if p.name == row.projection]
        if row.definition in known:
            continue
        if known and row.definition < min(known):
            return (
                f"version {row.version} of {row.projection} is of definition {row.definition}, and this release knows"
                f" those from {min(known)} on: start a release between the one that made it and this one first"
            )
        newer = f"is of definition {row.definition}, and it knows {max(known)}" if known else "is unknown to it"
        return (
            f"the tables are newer than this release: version {row.version} of {row.projection} {newer}."
            " Run the release that made them (docs/operations.md, Upgrading)"
        )
    return None


def in_the_way(name: str, versions: Sequence[Version]) -> list[Version]:
    """Versions that a rebuild with an older definition left unfinished: they are dropped before the next one begins."""
    return [
        row
        for row in versions
        if row.projection == name
        and row.definition < newest_of(name)
        and (row.state == "dropping" or (row.state in _UNFINISHED and row.owner is None))
    ]


def outlived(name: str, versions: Sequence[Version], before: int) -> list[Version]:
    """Versions that go once the newest definition is read and `before`, which was, is kept for going back: those of
    still older definitions, and one that never had the history. So an installation keeps two definitions at most."""
    of_it = [row for row in versions if row.projection == name]
    kept = next((row.definition for row in of_it if row.version == before), 0)
    oldest_kept = min(kept, newest_of(name))
    return [row for row in of_it if row.state == "ready" and (row.definition < oldest_kept or row.run == LATE)]
