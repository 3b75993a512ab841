"""A projector at work in the test's own process, over the real log and the real Cassandra; it follows versions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections.counted_rows import MissedRecords, StoredStates
from projections.counting import Counting
from projections.projector import Projector
from projections.registry import TOPICS
from projections.replay.bulk import BulkWriter
from projections.replay.count_fill import CountFill
from projections.replay.fill import Fill, watermarks
from projections.rows import Unprojectable
from projections.schema import existing
from projections.versions import written_now
from projections.watermarks import LIVE, LogPlace
from projections.writer import RowWriter
from schemas.codec import UndecodableRecord, decode
from topics.catalogue import catalogue
from topics.cuts import Cut
from topics.log import Log, RawRecord

_PAUSE_S = 0.02


@asynccontextmanager
async def projecting(settings: Settings, session: CassandraSession) -> AsyncIterator[Projector]:
    """From where the live watermarks stand, until the block ends; what was taken is written then.

    What a shared log holds before a keyspace's time is filled in first, as by a rebuild.
    """
    keyspace = settings.cassandra.keyspace
    projector = Projector(
        RowWriter(session, keyspace),
        await existing(session, keyspace),
        catalogue(),
        partial(written_now, session, keyspace),
        Counting(StoredStates(session, keyspace), MissedRecords(settings.kafka.client_properties(), catalogue())),
    )
    log = await asyncio.to_thread(Log, settings.kafka.client_properties())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(projector.run())
            start = await _reached(session, keyspace) or await _filled(log, session, keyspace)
            following = group.create_task(_follow(log, projector, start))
            yield projector
            following.cancel()
            projector.close()
    finally:
        await asyncio.to_thread(log.close)


async def _reached(session: CassandraSession, keyspace: str) -> dict[tuple[str, int], int]:
    reached: dict[tuple[str, int], int] = {}
    for name in ("conversation_lists", "messages", "usage", "accounts"):
        for place, at in (await watermarks(session, keyspace, LIVE, name, 1)).items():
            reached[place] = min(at, reached.get(place, at))
    return reached


async def _filled(log: Log, session: CassandraSession, keyspace: str) -> dict[tuple[str, int], int]:
    _, end = await asyncio.to_thread(log.held, _partitions(log))
    projections, writer = await existing(session, keyspace), BulkWriter(session, keyspace)
    fill = Fill(projections, catalogue(), writer)
    await asyncio.to_thread(fill.run, log.read, {}, end, report=lambda done: None, stop=NeverStop())
    for projection in projections:
        if projection.counts:
            counting = CountFill(projection, catalogue(), session, keyspace, None)
            there = {place: at for place, at in end.items() if place[0] in projection.topics}
            await counting.up_to(there, log.read, writer, NeverStop(), lambda done: None)
    return end


class NeverStop:
    def check(self) -> None:
        """Nobody asks for it."""


def _partitions(log: Log) -> dict[str, int]:
    return {name: count for name, count in log.topics().items() if name in TOPICS}


async def _follow(log: Log, projector: Projector, at: dict[tuple[str, int], int]) -> None:
    partitions = _partitions(log)
    while True:
        _, end = await asyncio.to_thread(log.held, partitions)
        for batch in await asyncio.to_thread(_all, log, at, end):
            for raw in batch:
                place = LogPlace(raw.topic, raw.partition, raw.offset)
                # What the agent around the real one parks in dead-letters.
                with contextlib.suppress(Unprojectable, UndecodableRecord):
                    await projector.take(decode(raw.value), place, _nothing)
        at = end
        await asyncio.sleep(_PAUSE_S)


def _all(log: Log, start: Cut, stop: Cut) -> list[list[RawRecord]]:
    return list(log.read(start, stop))


def _nothing() -> None:
    """Nobody commits here."""
