"""The Faust agents: their handlers and streams.faust.agents whole; Faust and its driver are restated by `AgentSource`.

What Faust does with offsets: a record is acknowledged in order, what is acknowledged is committed every half second and
before partitions go, and after an assignment reading begins at what is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infra.cassandra.errors import StoreUnavailable
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy import Policy
from projections.handling import handling
from projections.projector import Projector
from projections.registry import PROJECTED, PROJECTIONS, TOPICS, Projected
from schemas.families import Family, R
from streams.conversation.agent import RECORDS as SAID
from streams.conversation.agent import ConversationAgent, Read
from streams.conversation.titles import TitleModel
from streams.faust.agents import Consumption, consume
from streams.faust.handlers import Handler, OpenHandler, StreamMessage
from streams.metering.agent import RECORDS as BILLED
from streams.metering.agent import Billable, Metering
from streams.metering.embeddings import EmbeddingBills
from streams.metering.settling import Settling
from streams.watchdog.agent import RECORDS as WATCHED
from streams.watchdog.agent import Watchable, Watchdog
from tests.fakes.broker import MemoryMessage, Place
from tests.sim.member import Member
from tests.sim.network import Network
from tests.sim.producing import SimProducer
from tests.sim.reading import follow_admissions
from tests.sim.store import Reads, Store, StoreWriter
from tests.sim.virtual_time import Process
from topics.catalogue import ADMISSIONS, CONVERSATION_EVENTS, GENERATION_OUTCOMES
from topics.producer import LogProducer

COMMIT_EVERY_S = 0.5
SESSION_S = 10.0
FETCH_S = 0.2


@dataclass(slots=True)
class AgentMessage:
    """What Faust hands to an agent."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes
    value: bytes | None
    generation_id: int
    headers: tuple[Any, ...] = ()


class AgentSource:
    """streams.faust.driver.GroupConsumer and Faust's own consumer, as far as offsets go."""

    def __init__(self, network: Network, process: Process, name: str, topics: tuple[str, ...]) -> None:
        self._network = network
        self._member = Member(network, process, f"verbatim-{name}", list(topics), "0", SESSION_S)
        self._assignment = 0
        self._ends: dict[Place, int] = {}
        self._acknowledged: dict[Place, int] = {}
        self._batches: asyncio.Queue[list[MemoryMessage]] = asyncio.Queue(4)

    async def run(self) -> None:
        commit_at_s = monotonic_s() + COMMIT_EVERY_S
        while True:
            revoked, assigned = self._member.changes()
            if revoked or assigned:
                self.commit()
                self._member.release(revoked)
                self._member.take(assigned)
                self._assignment += 1
                self._acknowledged = {}
                self._ends = {place: self._network.broker.end(*place) for place in self._member.next}
            batch = self._member.batch(500)
            if batch:
                await self._batches.put(batch)
            if monotonic_s() >= commit_at_s:
                self.commit()
                commit_at_s = monotonic_s() + COMMIT_EVERY_S
            await self._member.wait(FETCH_S)

    def commit(self) -> None:
        self._member.commit(self._acknowledged)

    def acknowledge(self, message: StreamMessage) -> None:
        if message.generation_id == self._assignment:
            self._acknowledged[message.topic, message.partition] = message.offset + 1

    def maybe_repeat(self, topic: str, partition: int, offset: int) -> bool:
        end = self._ends.get((topic, partition))
        return end is None or offset < end

    async def messages(self) -> AsyncIterator[AgentMessage]:
        while True:
            for message in await self._batches.get():
                yield AgentMessage(
                    message.topic(),
                    message.partition(),
                    message.offset(),
                    message.timestamp_us() / 1e6,
                    message.key(),
                    message.value(),
                    self._assignment,
                )


async def run_agent(
    network: Network,
    process: Process,
    name: str,
    topics: tuple[str, ...],
    records: Family[R],
    opened: OpenHandler[R],
    *,
    most_in_flight: int = 1,
    retry_on: tuple[type[Exception], ...] = (),
    holds: bool = False,
) -> None:
    """streams.faust.app.run_agent over the fakes."""
    producer = SimProducer(network, process)
    source = AgentSource(network, process, name, topics)
    async with opened(producer) as handler, asyncio.TaskGroup() as group:
        consumption = Consumption(
            name,
            handler,
            producer,
            records=records,
            retry_on=retry_on,
            holds=holds,
            acknowledge=source.acknowledge,
            maybe_repeat=source.maybe_repeat,
            stopping=lambda: False,
        )
        group.create_task(source.run())
        await consume(source.messages(), consumption, most_in_flight)


async def run_conversation(
    network: Network, process: Process, store: Store, models: ModelCatalogue, titles: TitleModel | None
) -> None:
    commands = network.topics[CONVERSATION_EVENTS]

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Read]]:
        book, _ = await follow_admissions(network, process)
        agent = ConversationAgent(
            producer,
            models,
            Policy("sim", ()),
            Reads(store),
            commands,
            topics=network.topics,
            titles=titles,
            book=book,
            store_errors=(StoreUnavailable,),
        )
        yield agent.handle

    await run_agent(
        network,
        process,
        "conversation",
        (CONVERSATION_EVENTS, ADMISSIONS, *(() if titles is None else (GENERATION_OUTCOMES,))),
        SAID,
        opened,
        most_in_flight=64,
        retry_on=(StoreUnavailable,),
    )


async def run_metering(network: Network, process: Process) -> None:
    outcomes = network.topics[GENERATION_OUTCOMES]

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Billable]]:
        book, fence = await follow_admissions(network, process)
        embeddings = EmbeddingBills(producer, book)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(embeddings.run())
            try:
                yield Metering(producer, outcomes, Settling(producer, book, fence), embeddings).handle
            finally:
                looking.cancel()

    await run_agent(network, process, "metering", (GENERATION_OUTCOMES, ADMISSIONS), BILLED, opened, most_in_flight=64)


async def run_watchdog(network: Network, process: Process, models: ModelCatalogue) -> None:
    commands = network.topics[CONVERSATION_EVENTS]

    @asynccontextmanager
    async def opened(producer: LogProducer) -> AsyncIterator[Handler[Watchable]]:
        watchdog = Watchdog({}, models, producer, commands)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(watchdog.run())
            try:
                yield watchdog.handle
            finally:
                looking.cancel()

    topics = (CONVERSATION_EVENTS, GENERATION_OUTCOMES)
    await run_agent(network, process, "watchdog", topics, WATCHED, opened, holds=True)


async def run_projector(network: Network, process: Process, store: Store) -> None:
    @asynccontextmanager
    async def opened(_: LogProducer) -> AsyncIterator[Handler[Projected]]:
        projector = Projector(StoreWriter(store, process), PROJECTIONS, network.topics)
        async with handling(projector) as handle:
            yield handle

    await run_agent(network, process, "projections", TOPICS, PROJECTED, opened, holds=True)
