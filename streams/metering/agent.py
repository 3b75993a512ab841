"""The metering agent: generation-outcomes -> usage-records, through Faust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.crash_points import crash_point
from infra.runtime.bounded import Seen
from infra.settings import Settings
from schemas.families import Family
from schemas.outcome import Outcome
from streams.faust.app import Handler, Source, StreamApp, make_app, run_agent
from streams.metering.reactor import usage_record
from streams.metering.settling import Settling
from topics.admission.following import Fence, ends_of, following
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS
from topics.producer import LogProducer
from topics.spec import TopicSpec

REMEMBERED = 100_000
LAZY_MS = 500
MAX_IN_FLIGHT = 64
RECORDS: Family[Outcome] = Family(Outcome)


class Metering:
    """Produces one usage record a generation.

    An outcome repeated within the last REMEMBERED is not recorded again. One from before a restart gives a record with
    the same event id, so readers of the ledger drop an event id that they have seen: that makes it exactly one.
    """

    def __init__(self, producer: LogProducer, outcomes: TopicSpec, settling: Settling | None = None) -> None:
        """`settling`: of accounts with budgets; None: there are none."""
        self._producer = producer
        self._outcomes = outcomes
        self._settling = settling
        self._billed: Seen[str] = Seen(REMEMBERED)

    async def handle(self, outcome: Outcome, source: Source) -> None:
        """Bill one outcome; returns when its record is acknowledged. Raises LogUnavailable."""
        generation = outcome.turn.generation_id
        if generation in self._billed:
            return
        position = self._outcomes.position(source.partition, source.offset)
        settled = None if self._settling is None else await self._settling.settled(outcome, position)
        record = usage_record(outcome, position, settled)
        crash_point("metering.before_usage")
        await self._producer.send(USAGE_RECORDS, record.user_id, record)
        crash_point("metering.after_usage")
        self._billed.add(generation)


def make_metering_app(settings: Settings, pools: tuple[str, ...] = ("default",)) -> StreamApp:
    """The Faust application of the metering process. Raises SettingsError without a broker."""
    app = make_app("metering", settings, pools=pools, lazy_ms=LAZY_MS)

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Outcome]]:
        topics, properties = app.topics_catalogue, settings.kafka.client_properties()
        async with following(properties, topics) as (book, tail), asyncio.TaskGroup() as tasks:
            failing = tasks.create_task(tail.failed())
            settling = Settling(producer, book, Fence(book, lambda: ends_of(properties, topics)))
            try:
                yield Metering(producer, topics[GENERATION_OUTCOMES], settling).handle
            finally:
                failing.cancel()

    run_agent(app, (GENERATION_OUTCOMES,), RECORDS, opened, most_in_flight=MAX_IN_FLIGHT)
    return app
