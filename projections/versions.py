"""Which version of each projection the readers use: the pointer, and readers' short memory of it."""

from __future__ import annotations

import asyncio

from infra.cassandra import CassandraSession, StoreRefused
from infra.clock import monotonic_s
from projections.rows import Table

POINTERS_TABLE = "projection_pointers"
MEMORY_S = 1.0


def physical_name(keyspace: str, table: Table, version: int) -> str:
    """A table's name in statements."""
    return f"{keyspace}.{table.name}_v{version}"


class Pointers:
    """Answers which version is read, from a memory at most MEMORY_S old."""

    def __init__(self, session: CassandraSession, keyspace: str) -> None:
        self._session = session
        self._cql = f"SELECT projection, version FROM {keyspace}.{POINTERS_TABLE}"  # noqa: S608 - a checked setting
        self._live: dict[str, int] = {}
        self._known_until_s = 0.0
        self._reading = asyncio.Lock()

    async def live(self, projection: str) -> int:
        """The version readers use now. Raises StoreRefused if the projection has none, StoreUnavailable."""
        if monotonic_s() >= self._known_until_s:
            async with self._reading:
                if monotonic_s() >= self._known_until_s:
                    await self._read()
        version = self._live.get(projection)
        if version is None:
            raise StoreRefused(f"the projection {projection} has no tables yet: run the migration")
        return version

    async def _read(self) -> None:
        asked_s = monotonic_s()
        statement = await self._session.prepare(self._cql)
        self._live = dict(await self._session.execute(statement))
        self._known_until_s = asked_s + MEMORY_S
