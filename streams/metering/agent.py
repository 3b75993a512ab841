"""The metering agent: generation-outcomes, and settlements of embeddings -> usage-records, through Faust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.crash_points import crash_point
from infra.runtime.bounded import Seen
from infra.settings import Settings
from schemas.admission import EmbeddingsSettled
from schemas.families import Family
from schemas.outcome import Outcome
from streams.faust.app import Handler, Source, StreamApp, make_app, run_agent
from streams.metering.embeddings import EmbeddingBills
from streams.metering.reactor import usage_record
from streams.metering.settling import Settling
from topics.admission.following import Fence, ends_of, following
from topics.catalogue import ADMISSIONS, GENERATION_OUTCOMES, USAGE_RECORDS
from topics.producer import LogProducer
from topics.spec import TopicSpec

REMEMBERED = 100_000
LAZY_MS = 500
MAX_IN_FLIGHT = 64
Billable = Outcome | EmbeddingsSettled
RECORDS: Family[Billable] = Family(Billable)


class Metering:
    """Produces one usage record a generation, and one a request for embeddings that ran on a lease.

    An outcome repeated within the last REMEMBERED is not recorded again. One from before a restart gives a record with
    the same event id, so readers of the ledger drop an event id that they have seen: that makes it exactly one.
    """

    def __init__(
        self,
        producer: LogProducer,
        outcomes: TopicSpec,
        settling: Settling | None = None,
        embeddings: EmbeddingBills | None = None,
    ) -> None:
        """`settling`, `embeddings`: of accounts with budgets; None: there are none."""
        self._producer = producer
        self._outcomes = outcomes
        self._settling = settling
        self._embeddings = embeddings
        self._billed: Seen[str] = Seen(REMEMBERED)

    async def handle(self, record: Billable, source: Source) -> None:
        """Bill one of them; returns when its record is acknowledged. Raises LogUnavailable."""
        if not isinstance(record, EmbeddingsSettled):
            await self._bill(record, source)
        elif self._embeddings is not None:
            await self._embeddings.handle(record, source)

    async def _bill(self, outcome: Outcome, source: Source) -> None:
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
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Billable]]:
        topics, properties = app.topics_catalogue, settings.kafka.client_properties()
        async with following(properties, topics) as (book, tail), asyncio.TaskGroup() as tasks:
            embeddings = EmbeddingBills(producer, book)
            running = [tasks.create_task(tail.failed()), tasks.create_task(embeddings.run())]
            settling = Settling(producer, book, Fence(book, lambda: ends_of(properties, topics)))
            try:
                yield Metering(producer, topics[GENERATION_OUTCOMES], settling, embeddings).handle
            finally:
                for task in running:
                    task.cancel()

    run_agent(app, (GENERATION_OUTCOMES, ADMISSIONS), RECORDS, opened, most_in_flight=MAX_IN_FLIGHT)
    return app
