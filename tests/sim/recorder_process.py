"""The recorder: all of streams.recorder and its group reader, whose turns block nothing here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from streams.batch_shell import MAX_BATCH
from streams.recorder.shell import FLUSH_S, GROUP, Recorder
from tests.fakes.broker import MemoryMessage, Place
from tests.sim.member import Member
from tests.sim.network import Network
from tests.sim.producing import Bursts
from tests.sim.virtual_time import Process
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import FatalLogError

SESSION_S = 3.0


class RecorderConsumer:
    """confluent_kafka.Consumer as the recorder uses it."""

    def __init__(self, network: Network, process: Process, instance: str | None) -> None:
        self.member = Member(network, process, GROUP, [TOKEN_CHUNKS], instance, SESSION_S)
        self._broker = network.broker
        self._read: list[MemoryMessage] = []
        self._told: dict[str, Callable[[Any, list[TopicPartition]], None]] = {}

    def subscribe(self, topics: list[str], **told: Callable[[Any, list[TopicPartition]], None]) -> None:
        assert topics == [TOKEN_CHUNKS]
        self._told = told

    def tell(self, what: str, places: frozenset[Place]) -> None:
        """What the real one does within a poll, where nothing may be awaited."""
        self._told[what](self, [TopicPartition(*place) for place in sorted(places)])

    def poll(self, wait_s: float) -> MemoryMessage | None:
        self._read = self.member.batch(MAX_BATCH)
        return self._read.pop(0) if self._read else None

    def consume(self, most: int, wait_s: float) -> list[MemoryMessage]:
        return self._read

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        try:
            self.member.commit({(place.topic, place.partition): place.offset for place in offsets})
        except FatalLogError as error:
            raise KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID, str(error))) from error

    def get_watermark_offsets(
        self, place: TopicPartition, timeout: float = 0, *, cached: bool = False
    ) -> tuple[int, int]:
        return 0, self._broker.end(place.topic, place.partition)

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in sorted(self.member.next)]

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        known = [(place, self._broker.committed(GROUP, (place.topic, place.partition))) for place in places]
        return [TopicPartition(p.topic, p.partition, OFFSET_INVALID if at is None else at) for p, at in known]


async def run_recorder(network: Network, topics: Any, stop: asyncio.Event) -> None:
    """`Recorder.run`."""
    properties: Mapping[str, str] = {}
    recorder = Recorder(properties, topics, "0")
    reader = recorder.shell.reader
    consumer: Any = reader.consumer
    producer: Any = recorder._producer
    assert isinstance(producer, Bursts)
    member: Member = consumer.member
    reader.begin()
    while not stop.is_set():
        revoked, assigned = member.changes()
        if revoked:
            await producer.drained(FLUSH_S)
            consumer.tell("on_revoke", revoked)
            member.release(revoked)
        if assigned:
            member.take(assigned)
            consumer.tell("on_assign", assigned)
        reader.turn()
        await member.wait(0.2)
    await producer.drained(FLUSH_S)
    reader.finish()
