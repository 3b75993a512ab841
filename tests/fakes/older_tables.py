"""A keyspace as a release left it that had the oldest definitions alone."""

from __future__ import annotations

from infra.cassandra.session import CassandraSession
from projections.registry import DEFINITIONS, names, newest
from projections.schema import create_tables
from projections.versions import VERSIONS, physical_name


async def make_older(session: CassandraSession, keyspace: str) -> tuple[str, ...]:
    """Give version 1 of each projection whose definition grew the tables of its oldest one, empty; which they are."""
    grown = []
    for name in names():
        oldest = next(projection for projection in DEFINITIONS if projection.name == name)
        if oldest.definition == newest(name).definition:
            continue
        grown.append(name)
        for table in newest(name).tables:
            await session.run(f"DROP TABLE {physical_name(keyspace, table, 1)}")
        await create_tables(session, keyspace, oldest.at(1))
        await session.run(
            f"UPDATE {keyspace}.{VERSIONS.name} SET definition = {oldest.definition}"  # noqa: S608 - our own names
            f" WHERE projection = '{name}' AND version = 1 IF EXISTS"
        )
    return tuple(grown)
