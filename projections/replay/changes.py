"""Changes which version readers use, and drops versions that are no longer needed."""

from __future__ import annotations

import asyncio

from infra.cassandra.session import CassandraSession
from infra.crash_points import crash_point
from projections.registry import DEFINITIONS
from projections.replay.moves import Moves
from projections.replay.rules import Refused, droppable, rollback_target, usable
from projections.versions import SETTLED_S, physical_name


async def use(session: CassandraSession, keyspace: str, name: str, version: int) -> int:
    """Let readers use a version; returns which one they used before. Raises Refused, StoreError."""
    moves = Moves(session, keyspace)
    before = await moves.live(name)
    usable(name, await moves.versions(name), version)
    if before == version:
        return before
    if not await moves.point(name, before, version):
        raise Refused(f"the pointer of {name} was moved a moment ago: see ./verbatim replay versions")
    found = await moves.version(name, version)
    if found is None or found.state != "ready":
        # Another process began to drop it meanwhile: either it sees our pointer and stops, or we see its state.
        await moves.point(name, version, before)
        raise Refused(f"version {version} of {name} is being dropped: readers stay with {before}")
    return before


async def rollback(session: CassandraSession, keyspace: str, name: str) -> tuple[int, int]:
    """Let readers use the version before the live one; returns which one they used, and use now.

    Raises Refused, StoreError.
    """
    moves = Moves(session, keyspace)
    live = await moves.live(name)
    target = rollback_target(name, await moves.versions(name), live)
    return await use(session, keyspace, name, target), target


async def drop(session: CassandraSession, keyspace: str, name: str, version: int) -> None:
    """Take a version's tables away; one that was killed on the way is repeated. Raises Refused, StoreError."""
    moves = Moves(session, keyspace)
    row = droppable(name, await moves.versions(name), version, await moves.live(name))
    if row.state != "dropping" and not await moves.advance(row, row.state, "dropping"):
        raise Refused(f"version {version} of {name} changed a moment ago: see ./verbatim replay versions")
    crash_point("rebuild.after_dropping")
    if await moves.live(name) == version:
        await moves.advance(row, "dropping", row.state)
        raise Refused(f"version {version} of {name} became the live one a moment ago: it stays")
    # The projector writes it no more when this is over; what it is still at then is refused, and it forgets it.
    await asyncio.sleep(SETTLED_S)
    for table in {table.name: table for p in DEFINITIONS if p.name == name for table in p.tables}.values():
        await session.run(f"DROP TABLE IF EXISTS {physical_name(keyspace, table, version)}")
        crash_point("rebuild.mid_drop")
    if not await moves.advance(row, "dropping", "dropped"):
        raise Refused(f"version {version} of {name} changed while it was dropped: see ./verbatim replay versions")
