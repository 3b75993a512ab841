"""Rules for changes of a projection's versions. Pure.

Each rule is asked with the versions as they stand and their live one; what it allows is then done conditionally on just
that (projections/replay/moves.py), so that of two who were both allowed only one gets through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from projections.versions import Version


class Refused(Exception):
    """What was asked for is not to be done as things stand. The message is one line that says why."""


class AtWork(Refused):
    """Another process is doing it: try later."""


@dataclass(frozen=True, slots=True)
class Make:
    """Begin a new version under this number."""

    version: int


@dataclass(frozen=True, slots=True)
class GoOn:
    """Go on with a version that an earlier run has left."""

    version: Version


@dataclass(frozen=True, slots=True)
class Done:
    """The run that is gone on with has rebuilt this one already."""


def runs_left(versions: Sequence[Version]) -> frozenset[str]:
    """The rebuilds, of whatever projections, that were begun and not finished."""
    return frozenset(row.run for row in versions if row.run and row.state in ("making", "filling"))


def rebuild_plan(
    name: str,
    versions: Sequence[Version],
    live: int,
    definition: int,
    left: frozenset[str] = frozenset(),
    is_gone: Callable[[str | None], bool] = lambda holder: False,
) -> Make | GoOn | Done:
    """What a rebuild of `name` by its newest `definition` has to do. Raises Refused if another one is at it.

    `left`: the `runs_left` of all projections that are rebuilt together. `is_gone`: whether a holder is no more.
    """
    unfinished = [row for row in versions if row.state in ("making", "filling")]
    for row in unfinished:
        if row.owner is not None and not is_gone(row.holder):
            raise at_work(row)
    if not unfinished and any(row.run in left and row.state == "ready" for row in versions):
        return Done()
    if not unfinished:
        return Make(max([live, *(row.version for row in versions)]) + 1)
    newest = unfinished[-1]
    if newest.definition != definition:
        raise Refused(
            f"version {newest.version} of {name} was begun with definition {newest.definition}, and this release has"
            f" {definition}: drop it first (./verbatim replay drop {name} {newest.version})"
        )
    return GoOn(newest)


def at_work(row: Version) -> AtWork:
    """The refusal of a second rebuild."""
    return AtWork(
        f"{row.projection} is being rebuilt already: version {row.version}, by {row.holder or 'another process'}."
        " Wait for it, or rebuild another projection meanwhile"
    )


def usable(name: str, versions: Sequence[Version], version: int) -> Version:
    """The version, if readers may be given it. Raises Refused."""
    ready = [row.version for row in versions if row.state == "ready"]
    found = _known(name, versions, version)
    if found.state != "ready":
        raise Refused(f"version {version} of {name} is {found.state}, not ready: {_listed(ready)} can be used")
    return found


def rollback_target(name: str, versions: Sequence[Version], live: int) -> int:
    """The version before the live one. Raises Refused if there is none."""
    older = [row.version for row in versions if row.state == "ready" and row.version < live]
    if not older:
        raise Refused(f"{name} has no version before {live}, the live one: there is nothing to roll back to")
    return older[-1]


def droppable(name: str, versions: Sequence[Version], version: int, live: int) -> Version:
    """The version, if its tables may go. Raises Refused."""
    found = _known(name, versions, version)
    if version == live:
        raise Refused(
            f"version {version} of {name} is the live one: use another first (./verbatim replay use {name} VERSION)"
        )
    if found.owner is not None:
        raise Refused(f"version {version} of {name} is in use by {found.holder or 'another process'}: wait for it")
    return found


def _known(name: str, versions: Sequence[Version], version: int) -> Version:
    there = [row for row in versions if row.state != "dropped"]
    for row in there:
        if row.version == version:
            return row
    raise Refused(f"{name} has no version {version}: it has {_listed([row.version for row in there])}")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
