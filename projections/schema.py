"""Creates the keyspace and tables; fails if existing tables differ."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from infra.cassandra.errors import StoreRefused
from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from infra.settings.servers import CassandraSettings
from projections.behind import behind, refusal
from projections.registry import DEFINITIONS, Projection, defined, names, newest
from projections.rows import Table
from projections.versions import LATE, POINTERS, VERSIONS, Version, read_pointers, read_versions, written
from projections.watermarks import WATERMARKS

_SHARED = {table.name: table for table in (POINTERS, VERSIONS, WATERMARKS)}
_TRIES = 5
_PAUSE_S = 0.3
_Columns = set[tuple[str, str, str, int, str]]


class SchemaMismatch(Exception):
    """A table exists with other columns than this code writes and reads."""


class OtherRelease(Exception):
    """The tables are of a release that this code is older, or much newer, than. The message is one line."""


async def migrate(settings: Settings) -> tuple[str, ...]:
    """Create what is missing: keyspace, tables, pointers. Idempotent, also beside another process doing the same.
    Returns the projections that a rebuild has to bring up to this release.

    A projection that has no version yet gets version 1 of its newest definition; one that the previous release left
    (a pointer, no version) is taken over as it stands. Existing versions stay what they are: rebuild makes new ones.
    The tables that all versions share get the columns that they lack.
    Raises SchemaMismatch, changing nothing, if a table exists with other columns; OtherRelease, changing nothing of a
    projection; StoreUnavailable, StoreRefused.
    """
    session = await CassandraSession.connect(settings.cassandra, request_timeout_s=30.0)
    try:
        left = _TRIES
        while True:
            try:
                return await _migrate(session, settings.cassandra)
            except StoreRefused:
                # Beside another process that does the same: a table is listed a moment before it can be read.
                left -= 1
                if not left:
                    raise
            await asyncio.sleep(_PAUSE_S)
    finally:
        await session.aclose()


async def _migrate(session: CassandraSession, settings: CassandraSettings) -> tuple[str, ...]:
    keyspace = settings.keyspace
    there = await _found(session, keyspace)
    added = _missing_columns(keyspace, there)
    for name, columns in added.items():
        await _create(session, f"ALTER TABLE {keyspace}.{name} ADD IF NOT EXISTS ({columns})")
    versions = await read_versions(session, keyspace) if VERSIONS.name in there else []
    pointers = await read_pointers(session, keyspace) if POINTERS.name in there else {}
    if (reason := refusal(versions, pointers)) is not None:
        raise OtherRelease(reason)
    known = {row.projection for row in versions}
    is_new = not known and not pointers
    firsts = [_first_version(name, pointers.get(name), is_new) for name in names() if name not in known]
    wanted = _SHARED | _tables(_known([*versions, *firsts]))
    missing = _missing(keyspace, there, wanted)
    if missing:
        # A keyspace that exists keeps its replication: that is the operator's.
        await _create(
            session,
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
            f"{{'class': 'NetworkTopologyStrategy', '{settings.local_dc}': {settings.replication_factor}}}",
        )
        for name in missing:
            await create_table(session, f"{keyspace}.{name}", wanted[name])
        if still := _missing(keyspace, await _found(session, keyspace), wanted):
            raise StoreRefused(f"tables of keyspace {keyspace} could not be created: {', '.join(still)}")
    # Versions and pointers are an operator's, not the log's: these tables alone are written conditionally.
    add = await session.prepare(
        f"INSERT INTO {keyspace}.{VERSIONS.name} (projection, version, definition, state, run)"  # noqa: S608 - a setting
        " VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
    )
    point = await session.prepare(
        f"INSERT INTO {keyspace}.{POINTERS.name} (projection, version) VALUES (?, ?) IF NOT EXISTS"  # noqa: S608 - a setting
    )
    for row in firsts:
        await session.execute(add, (row.projection, row.version, row.definition, row.state, row.run))
    for row in [*versions, *firsts]:
        # The first one of each: also where a migration was killed between its version and its pointer.
        if row.projection not in pointers and row.state == "ready":
            await session.execute(point, (row.projection, row.version))
    return behind(await read_versions(session, keyspace), await read_pointers(session, keyspace))


def _first_version(name: str, pointer: int | None, is_new: bool) -> Version:
    if pointer is None:
        # Beside an installation's history it begins empty.
        return Version(name, 1, newest(name).definition, "ready", None if is_new else LATE)
    oldest = min(projection.definition for projection in DEFINITIONS if projection.name == name)
    return Version(name, pointer, oldest, "ready")


def _known(versions: Iterable[Version]) -> list[Projection]:
    """The versions that have to have tables and whose columns this release knows."""
    return [p.at(row.version) for row in versions if row.is_written and (p := defined(row.projection, row.definition))]


def _tables(projections: Iterable[Projection]) -> dict[str, Table]:
    return {f"{table.name}_v{p.version}": table for p in projections for table in p.tables}


async def create_tables(session: CassandraSession, keyspace: str, projection: Projection) -> None:
    """Create the tables of a version where they are missing. Raises SchemaMismatch, StoreUnavailable, StoreRefused."""
    wanted = _tables([projection])
    for name in _missing(keyspace, await _found(session, keyspace), wanted):
        await create_table(session, f"{keyspace}.{name}", wanted[name])


async def create_table(session: CassandraSession, name: str, table: Table) -> None:
    """Create one table unless it is there."""
    await _create(session, _create_table(name, table))


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


async def _found(session: CassandraSession, keyspace: str) -> dict[str, _Columns]:
    """The tables there are, with their columns as `_columns` tells them."""
    statement = await session.prepare(
        "SELECT table_name, column_name, type, kind, position, clustering_order"
        " FROM system_schema.columns WHERE keyspace_name = ?"
    )
    found: dict[str, _Columns] = {}
    for table_name, *column in await session.execute(statement, (keyspace,)):
        name, kind_of_value, kind, position, order = column
        found.setdefault(table_name, set()).add((name, kind_of_value, kind, position, order))
    return found


def _missing(keyspace: str, found: Mapping[str, _Columns], wanted: Mapping[str, Table]) -> list[str]:
    """Names of wanted tables that are not there. Raises SchemaMismatch for those that are there otherwise."""
    wrong = []
    for name, table in wanted.items():
        if name in found and (differing := _differing(found[name], table, may_grow=name in _SHARED)):
            wrong.append(f"{keyspace}.{name} differs in {', '.join(differing)}")
    if wrong:
        raise SchemaMismatch(
            "; ".join(wrong) + ". Nothing was changed. These tables were made by another release: use its code, or"
            " another keyspace, and let the log fill it"
        )
    return [name for name in wanted if name not in found]


def _differing(found: _Columns, table: Table, *, may_grow: bool) -> list[str]:
    """The columns that differ. `may_grow`: but for those, no keys, that only one side has."""
    differing = found ^ set(_columns(table))
    if may_grow:
        named = [name for name, *_ in differing]
        differing = {column for column in differing if column[2] != "regular" or named.count(column[0]) > 1}
    return sorted({name for name, *_ in differing})


def _missing_columns(keyspace: str, found: Mapping[str, _Columns]) -> dict[str, str]:
    """What shared tables of an older release lack, as CQL names it. Raises SchemaMismatch for any other difference."""
    _missing(keyspace, found, _SHARED)
    added = {}
    for name, table in _SHARED.items():
        there = {column for column, *_ in found.get(name, ())}
        if there and (lacking := [f"{column} {kind}" for column, kind in table.cells.items() if column not in there]):
            added[name] = ", ".join(lacking)
    return added


def _columns(table: Table) -> Iterable[tuple[str, str, str, int, str]]:
    """Columns as system_schema.columns tells them: name, type, kind, position, order."""
    for position, (name, kind) in enumerate(table.partition_key.items()):
        yield name, kind, "partition_key", position, "none"
    for position, (name, kind) in enumerate(table.clustering.items()):
        yield name, kind, "clustering", position, "desc" if name in table.descending else "asc"
    for name, kind in table.cells.items():
        yield name, kind, "regular", -1, "none"


async def existing(session: CassandraSession, keyspace: str) -> tuple[Projection, ...]:
    """The versions that are kept current, their tables looked over.

    Raises SchemaMismatch, StoreUnavailable; StoreRefused if there are none, a table is missing, or a definition is
    none of this release.
    """
    found = await _found(session, keyspace)
    if VERSIONS.name not in found:
        raise StoreRefused(f"keyspace {keyspace} has no tables: run the migration")
    there = written(await read_versions(session, keyspace))
    if missing := _missing(keyspace, found, _tables(there)):
        raise StoreRefused(f"keyspace {keyspace} has no table {', '.join(missing)}: run the migration")
    return there
