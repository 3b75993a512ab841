"""The projector's agent: conversation-events, generation-outcomes, usage-records, account-events -> Cassandra."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cassandra.session import CassandraSession
from infra.settings import Settings
from projections.counted_rows import MissedRecords, StoredStates
from projections.counting import Counting
from projections.handling import handling
from projections.projector import Projector
from projections.registry import PROJECTED, TOPICS, Projected
from projections.schema import existing
from projections.versions import written_now
from projections.writer import RowWriter
from streams.faust.app import Handler, StreamApp, make_app, run_agent
from topics.producer import LogProducer

NAME = "projections"
# Records may wait that long for others. At 33 turns/s a turn costs 3.2 ms of CPU with 50, 2.5 with 100, 2.1 with 200;
# a reader of their own writes waits half of it more.
LAZY_MS = 100


def make_projections_app(settings: Settings) -> StreamApp:
    """The projector's Faust application. Raises SettingsError without a broker."""
    made = make_app(NAME, settings, lazy_ms=LAZY_MS)

    @asynccontextmanager
    async def open_handler(_: LogProducer) -> AsyncIterator[Handler[Projected]]:
        session = await CassandraSession.connect(settings.cassandra)
        try:
            keyspace = settings.cassandra.keyspace
            properties = settings.kafka.client_properties()
            projector = Projector(
                RowWriter(session, keyspace),
                await existing(session, keyspace),
                made.topics_catalogue,
                lambda: written_now(session, keyspace),
                Counting(StoredStates(session, keyspace), MissedRecords(properties, made.topics_catalogue)),
            )
            async with handling(projector) as handle:
                yield handle
        finally:
            await session.aclose()

    run_agent(made, TOPICS, PROJECTED, open_handler, holds=True, imported=True)
    return made
