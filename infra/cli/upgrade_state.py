"""The state of an upgrade: the level in the state folder, and the members of the consumer groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.cli.stack_file import connected_settings
from infra.settings import load
from infra.stack import spare
from infra.stack.addresses import external_servers
from infra.stack.children import ROLES
from infra.stack.layout import Layout
from infra.stack.snapshot import read_snapshot
from infra.stack.write_level import keep_level, level_of
from schemas.registry import WRITE_LEVEL
from topics.groups import Member, members

GROUPS = "verbatim-"
_EDGE = "api"


@dataclass(frozen=True, slots=True)
class Installation:
    """`said`: the level that the settings name, if they do. `children`: of the stack that runs here, in the order of
    their restart. `members`: all that are in a group of ours."""

    layout: Layout
    level: int
    newest: int
    said: int | None
    is_external: bool
    children: tuple[str, ...]
    members: tuple[Member, ...]

    @property
    def older(self) -> tuple[Member, ...]:
        """Those elsewhere that do not say that they read what would be written. Who was restarted is taken for as old
        as before, while the broker remembers its membership (30 s)."""
        return tuple(m for m in self.members if m.reads < self.newest and m.name not in self.children)

    def problem(self, yes: bool) -> str | None:
        """Why the level cannot be raised, in one line; None if it can. `yes`: an operator vouches for the unknown."""
        if self.said is not None and self.said < self.newest:
            return f"the settings set log.writes to {self.said}: change it there, and restart"
        if self.level >= self.newest or yes:
            return None
        if self.older:
            named = ", ".join(f"{member.name} ({member.group}, {member.host})" for member in self.older)
            advice = "Upgrade them; if they are upgraded, run ./verbatim upgrade finish --yes"
            return f"of an older release, as far as the broker knows: {named}. {advice}"
        if self.is_external:
            return (
                "no consumer is older, but API processes of other hosts are in no group: make sure that each runs this"
                " release, then run ./verbatim upgrade finish --yes"
            )
        return None


def look(state: Path | None) -> Installation:
    """The installation of a state folder. Raises UserError, LogError."""
    settings = connected_settings(state, cassandra=False)
    given = load(**({"state": state} if state is not None else {}))
    layout = Layout.at(settings.state)
    return Installation(
        layout,
        level_of(layout) if given.log.writes is None else given.log.writes,
        WRITE_LEVEL,
        given.log.writes,
        "kafka" in external_servers(given),
        _children(layout),
        tuple(members(settings.kafka.client_properties(), GROUPS)),
    )


def raise_level(found: Installation) -> bool:
    """Keep the newest level from now on; whether that is news."""
    if found.level >= found.newest:
        return False
    keep_level(found.layout, found.newest)
    return True


def _children(layout: Layout) -> tuple[str, ...]:
    """Our processes that run here: the edge first, the spare before those that it stands in for."""
    snapshot = read_snapshot(layout.status_file) if layout.supervisor_pid() is not None else None
    if snapshot is None:
        return ()
    order = [_EDGE, spare.ROLE, *(role.name for role in ROLES if role.name != _EDGE)]
    ours = [child for child in snapshot.children if child.role in order]
    return tuple(child.name for child in sorted(ours, key=lambda child: order.index(child.role)))
