"""Keyspace and tables brought into being, and refused where they stand there otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from infra.cassandra import CassandraSession, StoreRefused
from infra.settings import CassandraSettings, Settings
from projections.registry import PROJECTIONS, Projection
from projections.rows import Table
from projections.versions import POINTERS_TABLE
from projections.watermarks import WATERMARKS

_POINTERS = Table(POINTERS_TABLE, partition_key={"projection": "text"}, cells={"version": "int"})


class SchemaMismatch(Exception):
    """A table exists with other columns than this code writes and reads."""


async def migrate(settings: Settings) -> None:
    """Create what is missing: keyspace, tables, pointers. Idempotent, also beside another process doing the same.

    Raises SchemaMismatch, changing nothing, if a table exists with other columns; StoreUnavailable, StoreRefused.
    """
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=30.0)
    try:
        await _migrate(session, settings.cassandra, PROJECTIONS)
    finally:
        await session.aclose()


async def _migrate(session: CassandraSession, settings: CassandraSettings, projections: tuple[Projection, ...]) -> None:
    keyspace = settings.keyspace
    wanted = {f"{table.name}_v{p.version}": table for p in projections for table in p.tables}
    wanted |= {_POINTERS.name: _POINTERS, WATERMARKS.name: WATERMARKS}
    missing = await _missing(session, keyspace, wanted)
    if missing:
        # A keyspace that exists keeps its replication: that is the operator's.
        await _create(
            session,
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
            f"{{'class': 'NetworkTopologyStrategy', '{settings.local_dc}': {settings.replication_factor}}}",
        )
        for name in missing:
            await _create(session, _create_table(f"{keyspace}.{name}", wanted[name]))
        if still := await _missing(session, keyspace, wanted):
            raise StoreRefused(f"tables of keyspace {keyspace} could not be created: {', '.join(still)}")
    # The pointers are an operator's, not the log's: this one table is written conditionally.
    point = await session.prepare(
        f"INSERT INTO {keyspace}.{POINTERS_TABLE} (projection, version) VALUES (?, ?) IF NOT EXISTS"  # noqa: S608
    )
    known = await session.execute(await session.prepare(f"SELECT projection FROM {keyspace}.{POINTERS_TABLE}"))  # noqa: S608
    for name in {p.name for p in projections} - {row[0] for row in known}:
        first = min(p.version for p in projections if p.name == name)
        await session.execute(point, (name, first))


async def _create(session: CassandraSession, cql: str) -> None:
    try:
        await session.run(cql)
    except StoreRefused:
        # Two processes creating the same thing at once may refuse each other; what counts is what stands there after.
        await session.run(cql)


def _create_table(name: str, table: Table) -> str:
    columns = ", ".join(f"{column} {kind}" for column, kind in table.columns.items())
    key = f"({', '.join(table.partition_key)})"
    clustering = "".join(f", {column}" for column in table.clustering)
    order = ", ".join(f"{c} {'DESC' if c in table.descending else 'ASC'}" for c in table.clustering)
    ordered = f" WITH CLUSTERING ORDER BY ({order})" if order else ""
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({key}{clustering})){ordered}"


async def _missing(session: CassandraSession, keyspace: str, wanted: dict[str, Table]) -> list[str]:
    statement = await session.prepare(
        "SELECT table_name, column_name, type, kind, position, clustering_order"
        " FROM system_schema.columns WHERE keyspace_name = ?"
    )
    found: dict[str, set[tuple[str, str, str, int, str]]] = {}
    for table_name, *column in await session.execute(statement, (keyspace,)):
        name, kind_of_value, kind, position, order = column
        found.setdefault(table_name, set()).add((name, kind_of_value, kind, position, order))
    wrong = []
    for name, table in wanted.items():
        if name in found and found[name] != (expected := set(_columns(table))):
            differing = sorted({column[0] for column in found[name] ^ expected})
            wrong.append(f"{keyspace}.{name} differs in {', '.join(differing)}")
    if wrong:
        raise SchemaMismatch(
            "; ".join(wrong) + ". Nothing was changed. These tables were made by another release: use its code, or"
            " another keyspace, and let the log fill it"
        )
    return [name for name in wanted if name not in found]


def _columns(table: Table) -> Iterable[tuple[str, str, str, int, str]]:
    """Columns as system_schema.columns tells them: name, type, kind, position, order."""
    for position, (name, kind) in enumerate(table.partition_key.items()):
        yield name, kind, "partition_key", position, "none"
    for position, (name, kind) in enumerate(table.clustering.items()):
        yield name, kind, "clustering", position, "desc" if name in table.descending else "asc"
    for name, kind in table.cells.items():
        yield name, kind, "regular", -1, "none"


async def existing(
    session: CassandraSession, keyspace: str, projections: tuple[Projection, ...] = PROJECTIONS
) -> tuple[Projection, ...]:
    """Those of `projections` whose tables all exist: the writer keeps every one of them current.

    Raises SchemaMismatch, StoreUnavailable; StoreRefused if there is none at all.
    """
    tables = {f"{table.name}_v{p.version}": table for p in projections for table in p.tables}
    missing = set(await _missing(session, keyspace, tables))
    there = tuple(p for p in projections if not any(f"{t.name}_v{p.version}" in missing for t in p.tables))
    if not there:
        raise StoreRefused(f"keyspace {keyspace} has no tables: run the migration")
    return there
