"""A keyspace of a test's own on the real Cassandra, and all the rows in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cassandra.session import CassandraSession
from infra.ids import draw_secret
from infra.settings import Settings
from projections import migrate
from projections.registry import PROJECTIONS, Projection
from projections.versions import physical_name
from tests.fakes.row_store import Dump


@asynccontextmanager
async def own_keyspace(servers: Settings) -> AsyncIterator[tuple[Settings, CassandraSession]]:
    """Settings with a migrated keyspace that is dropped at the end, and a session."""
    keyspace = "test_" + "".join(c for c in draw_secret(9).lower() if c.isalnum())
    settings = servers.model_copy(update={"cassandra": servers.cassandra.model_copy(update={"keyspace": keyspace})})
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
    try:
        await migrate(settings)
        yield settings, session
    finally:
        await session.run(f"DROP KEYSPACE IF EXISTS {keyspace}")
        await session.aclose()


async def dump(session: CassandraSession, keyspace: str, projections: tuple[Projection, ...] = PROJECTIONS) -> Dump:
    """Every row of these versions, by table and primary key; cells that are not there are left out."""
    rows: Dump = {}
    for projection in projections:
        for table in projection.tables:
            name = physical_name(keyspace, table, projection.version)
            select = await session.prepare(f"SELECT {', '.join(table.columns)} FROM {name}")  # noqa: S608 - our own names
            for values in await session.execute(select):
                key = values[: len(table.key)]
                cells = zip(table.cells, values[len(table.key) :], strict=True)
                rows.setdefault(name.split(".")[1], {})[key] = {c: v for c, v in cells if v is not None}
    return rows
