"""Reads by prepared statements on the tables of the version that is read now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.cassandra import CassandraSession, Row
from projections.registry import DEFINITIONS
from projections.versions import Pointers, physical_name


class Tables:
    """Runs a projection's queries. They name tables as `{conversations}`: the version's own table stands there."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._pointers = Pointers(session, keyspace)
        self._statements: dict[tuple[str, int], Any] = {}

    async def select(self, projection: str, cql: str, parameters: Sequence[Any]) -> list[Row]:
        """All rows of a query. Raises StoreUnavailable, StoreRefused."""
        version = await self._pointers.live(projection)
        statement = self._statements.get((cql, version))
        if statement is None:
            statement = await self._session.prepare(cql.format_map(self._names(projection, version)))
            self._statements[cql, version] = statement
        return await self._session.execute(statement, parameters)

    async def one(self, projection: str, cql: str, parameters: Sequence[Any]) -> Row | None:
        """The only row of a query, or None."""
        rows = await self.select(projection, cql, parameters)
        return rows[0] if rows else None

    async def select_unversioned(self, table: str, cql: str, parameters: Sequence[Any]) -> list[Row]:
        """All rows of a query on a table that belongs to no version."""
        statement = await self._session.prepare(cql.format_map({table: f"{self._keyspace}.{table}"}))
        return await self._session.execute(statement, parameters)

    async def live(self, projection: str) -> int:
        """The version that is read now."""
        return await self._pointers.live(projection)

    def _names(self, projection: str, version: int) -> Mapping[str, str]:
        # Whatever its definition: a reader goes on behind a newer release's pointer, its columns permitting.
        return {
            table.name: physical_name(self._keyspace, table, version)
            for known in DEFINITIONS
            if known.name == projection
            for table in known.tables
        }
