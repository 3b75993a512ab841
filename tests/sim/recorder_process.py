"""The recorder: streams.recorder whole, its `run` loop restated because the original blocks a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.batch_shell import MAX_BATCH
from streams.recorder.shell import FLUSH_S, GROUP, Recorder
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

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        try:
            self.member.commit({(place.topic, place.partition): place.offset for place in offsets})
        except FatalLogError as error:
            raise KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID, str(error))) from error

    def get_watermark_offsets(self, place: TopicPartition, *, cached: bool) -> tuple[int, int]:
        return 0, self._broker.end(place.topic, place.partition)


async def run_recorder(network: Network, topics: Any, stop: asyncio.Event) -> None:
    """`Recorder.run`, effect by effect."""
    properties: Mapping[str, str] = {}
    recorder = Recorder(properties, topics, "0")
    consumer: Any = recorder.shell.consumer
    producer: Any = recorder._producer
    assert isinstance(producer, Bursts)
    member: Member = consumer.member
    while not stop.is_set():
        revoked, assigned = member.changes()
        if revoked:
            await producer.drained(FLUSH_S)
            recorder.shell.on_revoke(consumer, [TopicPartition(*place) for place in sorted(revoked)])
            member.release(revoked)
        if assigned:
            member.take(assigned)
            recorder.shell.on_assign(consumer, [TopicPartition(*place) for place in sorted(assigned)])
        recorder.shell.handle(member.batch(MAX_BATCH))  # type: ignore[arg-type]
        await member.wait(0.2)
    await producer.drained(FLUSH_S)
    recorder.shell.end()
