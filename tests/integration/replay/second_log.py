"""Another installation: a log and a keyspace of its own on the same servers, every agent a real process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition

from infra.settings import Settings
from schemas.codec import decode
from tests.fakes.cassandra_rows import own_keyspace
from tests.integration.prefixed import prefixed
from tests.integration.replay.commands import Replay
from tests.integration.stream_workers import StreamProcess
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, catalogue
from topics.clients import open_consumer
from topics.producer import LogProducer
from topics.scan import scan, watermarks

FAUST = {
    "conversation": "infra.processes.conversation",
    "metering": "infra.processes.metering",
    "watchdog": "infra.processes.watchdog",
    "projections": "infra.processes.projector",
}
GROUPS = {
    "verbatim-conversation": (CONVERSATION_EVENTS,),
    "verbatim-metering": (GENERATION_OUTCOMES,),
    "verbatim-watchdog": (CONVERSATION_EVENTS, GENERATION_OUTCOMES),
    "verbatim-projections": (CONVERSATION_EVENTS, GENERATION_OUTCOMES),
}


@dataclass
class SecondLog:
    """`replay` runs commands against it."""

    settings: Settings
    producer: LogProducer
    replay: Replay

    @property
    def properties(self) -> dict[str, str]:
        return self.settings.kafka.client_properties()

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition."""
        return {
            (spec.name, partition): watermarks(self.properties, spec.name, partition)[1]
            for spec in catalogue()
            for partition in range(spec.partitions)
        }

    def count(self, topic: str) -> int:
        return sum(end for (name, _), end in self.ends().items() if name == topic)

    def said(self, topic: str) -> list[Any]:
        """Every record of a topic."""
        found = []
        for (name, partition), end in self.ends().items():
            if name == topic:
                found += [decode(message.value()) for message in scan(self.properties, topic, partition, 0, end)]
        return found

    def unread(self) -> dict[str, int]:
        """How many records each agent's group has not committed yet."""
        ends, left = self.ends(), {}
        for group, topics in GROUPS.items():
            consumer = open_consumer({**self.properties, "group.id": group})
            try:
                places = [TopicPartition(*place) for place in ends if place[0] in topics]
                committed = consumer.committed(places, timeout=10)
                left[group] = sum(ends[p.topic, p.partition] - max(p.offset, 0) for p in committed)
            finally:
                consumer.close()
        return left


@asynccontextmanager
async def second_log(servers: Settings) -> AsyncIterator[SecondLog]:
    """With its topics made, and no agents yet."""
    async with own_keyspace(prefixed(servers, "second")) as (settings, _):
        topics = catalogue()
        await asyncio.to_thread(create_topics, settings.kafka.client_properties(), topics)
        producer = LogProducer(settings.kafka.client_properties(), topics, client_id="test")
        await producer.start()
        try:
            yield SecondLog(settings, producer, Replay(settings))
        finally:
            await producer.aclose()


@contextmanager
def agents(settings: Settings, folder: Path) -> Iterator[None]:
    """Everything that reads the log and acts, or shows it, for the length of the block."""
    folder.mkdir()
    env = {"VERBATIM_INSTANCE": "0", "VERBATIM_CASSANDRA__KEYSPACE": settings.cassandra.keyspace}
    recorder = [sys.executable, "-m", "infra.processes.recorder"]
    with ExitStack() as stack:
        started = [stack.enter_context(StreamProcess(recorder, settings, folder, "recorder", env))]
        for name, module in FAUST.items():
            started.append(stack.enter_context(StreamProcess.agent(module, settings, folder, name, env)))
        for process in started:
            process.ready()
        yield
        statuses = [process.stop() for process in started]
    assert set(statuses) == {0}, [process.said()[-2000:] for process in started]
