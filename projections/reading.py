"""Reads with prepared statements on the tables of the live version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.cassandra.errors import StoreRefused
from infra.cassandra.session import CassandraSession, Row
from projections.registry import ADDED, DEFINITIONS, defined, newest
from projections.versions import NoTables, Pointers, physical_name

EMPTY_KEY = "Key may not be empty"
"""What Cassandra says of an empty partition key, and of nothing else: an empty cursor is no reason to find nothing."""


class Tables:
    """Runs a projection's queries. They name tables as `{conversations}`: the version's own table stands there.

    A column that older definitions have not stands last and without a comma, as `{+estimated}`: it is asked for where
    the version has it, and the rows are shorter where it has not.
    """

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._pointers = Pointers(session, keyspace)
        self._statements: dict[tuple[str, int], Any] = {}

    async def select(self, projection: str, cql: str, parameters: Sequence[Any]) -> list[Row]:
        """All rows of a query; none of a projection that this release added, before its tables are made.

        Raises StoreUnavailable, StoreRefused.
        """
        try:
            version = await self._pointers.live(projection)
        except NoTables:
            if projection in ADDED:
                return []
            raise
        statement = self._statements.get((cql, version))
        if statement is None:
            names = names_in(self._keyspace, projection, version, self._pointers.definition(projection, version))
            statement = await self._session.prepare(cql.format_map(names))
            self._statements[cql, version] = statement
        try:
            return await self._session.execute(statement, parameters)
        except StoreRefused as error:
            # Cassandra refuses to look for an empty partition key. No row has one.
            if EMPTY_KEY in str(error):
                return []
            raise

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


def names_in(keyspace: str, projection: str, version: int, definition: int | None) -> Mapping[str, str]:
    """What stands for the names in a query: the tables of the version, and the columns that its definition has.

    Of a definition that this release has not, all the columns that it knows: a reader goes on behind a newer release's
    pointer, its columns permitting.
    """
    known = [other for other in DEFINITIONS if other.name == projection]
    there = defined(projection, definition) if definition is not None else None
    columns = {column for table in (there or newest(projection)).tables for column in table.columns}
    names = {table.name: physical_name(keyspace, table, version) for other in known for table in other.tables}
    ever = {column for other in known for table in other.tables for column in table.columns}
    return names | {f"+{column}": f", {column}" if column in columns else "" for column in ever}
