"""The steps around a rebuild for a new definition: drop leftovers before, and old versions after."""

from __future__ import annotations

from infra.cassandra.session import CassandraSession
from projections.behind import behind, in_the_way, outlived
from projections.replay.changes import drop
from projections.replay.moves import Moves
from projections.versions import read_pointers, read_versions


async def behind_now(session: CassandraSession, keyspace: str) -> tuple[str, ...]:
    """The projections that are read by an older definition than this code has. Raises StoreError."""
    return behind(await read_versions(session, keyspace), await read_pointers(session, keyspace))


async def clear_way(session: CassandraSession, keyspace: str, name: str) -> None:
    """End what a rebuild by an older definition has left. Raises Refused, StoreError."""
    moves = Moves(session, keyspace)
    live = await moves.live(name)
    for row in in_the_way(name, await moves.versions(name)):
        if row.version == live:
            # Killed between its last two steps: what is read has been verified.
            await moves.advance(row, row.state, "ready")
        else:
            await drop(session, keyspace, name, row.version)


async def retire(session: CassandraSession, keyspace: str, name: str, before: int) -> list[int]:
    """Drop what is older than `before`, the version that was read until now; which ones. Raises Refused, StoreError."""
    gone = [row.version for row in outlived(name, await Moves(session, keyspace).versions(name), before)]
    for version in gone:
        await drop(session, keyspace, name, version)
    return gone
