"""A rebuild with its verification, for the command and for `up` on an older installation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from infra.cassandra.session import CassandraSession
from infra.cli.replay.progress import Report, Stop
from infra.cli.replay.projections import partitions_of
from infra.ids import draw_id
from infra.settings import Settings
from projections.registry import Projection
from projections.replay.fill import Filled
from projections.replay.lease import Lease, this_process
from projections.replay.moves import Moves
from projections.replay.pace import Pace, Rests
from projections.replay.rebuild import Rebuild, Rebuilt
from projections.replay.rules import Refused
from projections.replay.stored import StoredRows
from projections.replay.verify import verify
from topics.catalogue import catalogue
from topics.cuts import Cut
from topics.log import Log


@dataclass(frozen=True, slots=True)
class Telling:
    """Who hears of it: `progress` shows a long step, `say` is told the others in a line."""

    progress: Callable[[str], AbstractContextManager[Report]]
    say: Callable[[str], None]


async def rebuild_with(
    session: CassandraSession,
    settings: Settings,
    log: Log,
    names: tuple[str, ...],
    telling: Telling,
    stop: Stop,
    max_rate: int | None = None,
) -> tuple[list[Rebuilt], Filled]:
    """Rebuild `names`; what became of them, and what was filled. Raises Refused, LogError, StoreError, ScratchError,
    UserError, and what `stop` raises."""
    topics = await asyncio.to_thread(log.catalogue, catalogue())
    partitions = await asyncio.to_thread(partitions_of, log)
    keyspace = settings.cassandra.keyspace

    async def compare(projection: Projection, cut: Cut) -> None:
        with telling.progress(f"verifying {projection.name}") as report:
            verdict = await verify(
                log.read,
                StoredRows(session, keyspace),
                projection,
                projection.version,
                cut,
                topics=topics,
                ends=lambda: log.held({topic: partitions[topic] for topic in projection.topics})[1],
                scratch=settings.state / "replay" / f"{keyspace}-{projection.name}-v{projection.version}",
                report=report,
                stop=rebuilding,
                rests=Rests(Pace(lambda topics: log.held(topics)[1], partitions, cut, max_rate)),
            )
        if not verdict.equal:
            first = verdict.differences[0]
            raise Refused(
                f"version {projection.version} of {projection.name} differs from the log in {verdict.different:,}"
                f" places, the first in {first.table} at {first.key}, {first.column}: it stays unused. Look with"
                f" ./verbatim replay verify, or drop it (./verbatim replay drop {projection.name}"
                f" {projection.version})"
            )
        telling.say(f"{projection.name}: {verdict.rows:,} rows equal the log, hash {verdict.hash_tables}")

    rebuilding = Rebuild(
        session,
        keyspace,
        log,
        partitions,
        topics,
        Lease(Moves(session, keyspace), draw_id(), this_process()),
        scratch=lambda p: settings.state / "replay" / f"{keyspace}-{p.name}-v{p.version}.counted",
        verify=compare,
        progress=telling.progress,
        say=telling.say,
        stop=stop,
        max_rate=max_rate,
    )
    return await rebuilding.run(names), rebuilding.filled
