"""What an operator does to versions and pointers: each step conditional on what it found, so that two exclude each
other. These tables hold nothing of the log, and are written in no other way.

A lease is a cell that runs out by the store's own clock: a killed process holds it for LEASE_S at most.
"""

from __future__ import annotations

from typing import Any

from infra.cassandra.session import CassandraSession
from projections.replay.rules import Refused
from projections.versions import POINTERS, VERSIONS, State, Version, read_pointers, read_versions
from topics.cuts import Cut, format_cut

LEASE_S = 15


class Moves:
    """Steps over the versions of one keyspace. Every method may raise StoreUnavailable (look again what has been
    done) or StoreRefused. A step answers whether it was done: now, or already, as a repeated one finds it."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._versions = f"{keyspace}.{VERSIONS.name}"
        self._pointers = f"{keyspace}.{POINTERS.name}"

    async def versions(self, name: str) -> list[Version]:
        """All versions of a projection that ever were."""
        return [row for row in await read_versions(self._session, self._keyspace) if row.projection == name]

    async def version(self, name: str, version: int) -> Version | None:
        return next((row for row in await self.versions(name) if row.version == version), None)

    async def live(self, name: str) -> int:
        """The version that is read. Raises Refused if there is none."""
        pointers = await read_pointers(self._session, self._keyspace)
        if name not in pointers:
            raise Refused(f"{name} has no tables yet: run the migration (./verbatim up does)")
        return pointers[name]

    async def add(self, name: str, version: int, definition: int, run: str) -> bool:
        """Take a number for a version whose tables are to be made."""
        cql = (
            f"INSERT INTO {self._versions} (projection, version, definition, run, state)"  # noqa: S608 - a setting
            " VALUES (?, ?, ?, ?, 'making') IF NOT EXISTS"
        )
        return await self._applied(cql, name, version, definition, run)

    async def hold(self, row: Version, owner: str, holder: str, gone: str | None = None) -> bool:
        """Take the lease of a version without a holder (or held by `gone`, which has ended), or prolong it."""
        cql = (
            f"UPDATE {self._versions} USING TTL {LEASE_S} SET owner = ?, holder = ?"  # noqa: S608 - a setting
            " WHERE projection = ? AND version = ? IF owner = ?"
        )
        for before in (owner, None) if gone is None else (gone,):
            if await self._applied(cql, owner, holder, row.projection, row.version, before):
                return True
        there = await self.version(row.projection, row.version)
        return there is not None and there.owner == owner

    async def release(self, row: Version, owner: str) -> None:
        """Give a lease back."""
        cql = (
            f"UPDATE {self._versions} SET owner = null, holder = null"  # noqa: S608 - a setting
            " WHERE projection = ? AND version = ? IF owner = ?"
        )
        await self._applied(cql, row.projection, row.version, owner)

    async def keep_cut(self, row: Version, owner: str, cut: Cut) -> bool:
        """Note what a rebuild has to fill."""
        cql = f"UPDATE {self._versions} SET cut = ? WHERE projection = ? AND version = ? IF owner = ?"  # noqa: S608 - a setting
        return await self._applied(cql, format_cut(cut), row.projection, row.version, owner)

    async def advance(self, row: Version, before: State, after: State, owner: str | None = None) -> bool:
        """Change a version's state, for the lease's owner; without an owner, if it has no lease."""
        cql = (
            f"UPDATE {self._versions} SET state = ? WHERE projection = ? AND version = ?"  # noqa: S608 - a setting
            " IF state = ? AND owner = ?"
        )
        if await self._applied(cql, after, row.projection, row.version, before, owner):
            return True
        there = await self.version(row.projection, row.version)
        return there is not None and (there.state, there.owner) == (after, owner)

    async def point(self, name: str, before: int, after: int) -> bool:
        """Move the pointer."""
        cql = f"UPDATE {self._pointers} SET version = ? WHERE projection = ? IF version = ?"  # noqa: S608 - a setting
        return await self._applied(cql, after, name, before) or await self.live(name) == after

    async def _applied(self, cql: str, *values: Any) -> bool:
        statement = await self._session.prepare(cql)
        rows = await self._session.execute(statement, values)
        return bool(rows[0][0])
