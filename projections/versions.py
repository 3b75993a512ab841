"""The versions of each projection, and which one readers use; cached briefly.

A version is a set of tables with its number in their names. Numbers are never used again: what a dropped version left
behind (watermarks, a slow writer's last rows) can never be taken for another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from infra.cassandra.errors import StoreRefused
from infra.cassandra.session import CassandraSession
from infra.clock import monotonic_s
from projections.registry import Projection, defined, names
from projections.rows import Table

POINTERS = Table("projection_pointers", partition_key={"projection": "text"}, cells={"version": "int"})
VERSIONS = Table(
    "projection_versions",
    partition_key={"projection": "text"},
    clustering={"version": "int"},
    cells={
        "definition": "int",
        "state": "text",
        # Which rebuild made it: one of several projections finds by it what it has done already.
        "run": "text",
        # What a rebuild has to fill: everything below. The process that does it holds `owner`, which expires.
        "cut": "text",
        "owner": "text",
        "holder": "text",
    },
)
MEMORY_S = 1.0
"""Maximum age of cached knowledge: of the pointer in readers, of the versions in the projector."""
SETTLED_S = 2.5
"""After so long everybody acts on what was changed: twice MEMORY_S, and time for the slowest question."""

LATE = "late"
"""The `run` of a version that was made empty beside an installation's history: a rebuild is to bring that."""

State = Literal["making", "filling", "ready", "dropping", "dropped"]
"""making: the tables come into being. filling: a rebuild is at work, the projector writes it already. ready: complete,
kept current. dropping: it is no longer written, its tables are being dropped. dropped: the row keeps the number."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as its row says. `run`, `cut`: which rebuild made it, and what that fills. `owner`, `holder`: who is at
    it, if anybody is."""

    projection: str
    version: int
    definition: int
    state: State
    run: str | None = None
    cut: str | None = None
    owner: str | None = None
    holder: str | None = None

    @property
    def is_written(self) -> bool:
        """Whether the projector keeps it current."""
        return self.state in ("filling", "ready")


def physical_name(keyspace: str, table: Table, version: int) -> str:
    """A table's name in statements."""
    return f"{keyspace}.{table.name}_v{version}"


async def read_versions(session: CassandraSession, keyspace: str) -> list[Version]:
    """All versions that ever were, by projection and number. Raises StoreUnavailable, StoreRefused."""
    columns = ", ".join(VERSIONS.columns)
    statement = await session.prepare(f"SELECT {columns} FROM {keyspace}.{VERSIONS.name}")  # noqa: S608 - a setting
    rows = [Version(*row) for row in await session.execute(statement)]
    # Of a row that a rebuild has only begun to insert nothing is known yet.
    return sorted((row for row in rows if row.state in get_args(State)), key=lambda row: (row.projection, row.version))


async def read_pointers(session: CassandraSession, keyspace: str) -> dict[str, int]:
    """The version of each projection that is read. Raises StoreUnavailable, StoreRefused."""
    statement = await session.prepare(f"SELECT projection, version FROM {keyspace}.{POINTERS.name}")  # noqa: S608 - a setting
    return dict(await session.execute(statement))


def written(versions: Iterable[Version]) -> tuple[Projection, ...]:
    """What the projector has to keep current, in the registry's order.

    Raises StoreRefused for a version of a definition that this release has not: left out, it would fall behind unseen.
    """
    order = {name: place for place, name in enumerate(names())}
    found = []
    for row in versions:
        if row.is_written:
            projection = defined(row.projection, row.definition)
            if projection is None:
                raise StoreRefused(
                    f"version {row.version} of {row.projection} is of definition {row.definition}, which this release"
                    " does not have: run the release that made it, or drop the version with that one"
                )
            waits = projection.counts and (row.state == "filling" or row.run == LATE)
            found.append(replace(projection, version=row.version, waits=waits))
    return tuple(sorted(found, key=lambda p: (order[p.name], p.version)))


async def written_now(session: CassandraSession, keyspace: str) -> tuple[Projection, ...]:
    """What the projector has to keep current at this moment. Raises StoreUnavailable, StoreRefused."""
    return written(await read_versions(session, keyspace))


class NoTables(StoreRefused):
    """The projection has no version yet."""


class Pointers:
    """Answers which version is read, from a memory at most MEMORY_S old, and by which definition it is filled."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._live: dict[str, int] = {}
        self._definitions: dict[tuple[str, int], int] = {}
        self._known_until_s = 0.0
        self._reading = asyncio.Lock()

    async def live(self, projection: str) -> int:
        """The version readers use now. Raises NoTables if the projection has none, StoreRefused, StoreUnavailable."""
        if monotonic_s() >= self._known_until_s:
            async with self._reading:
                if monotonic_s() >= self._known_until_s:
                    await self._read()
        version = self._live.get(projection)
        if version is None:
            raise NoTables(f"the projection {projection} has no tables yet: run the migration")
        return version

    def definition(self, projection: str, version: int) -> int | None:
        """The definition of a version that was read; None where its row is not there. It never changes."""
        return self._definitions.get((projection, version))

    async def _read(self) -> None:
        asked_s = monotonic_s()
        live = await read_pointers(self._session, self._keyspace)
        if not live.items() <= self._definitions.keys():
            rows = await read_versions(self._session, self._keyspace)
            self._definitions = {(row.projection, row.version): row.definition for row in rows}
        self._live = live
        self._known_until_s = asked_s + MEMORY_S
