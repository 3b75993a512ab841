"""Group members and their batches against a real broker."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from infra.ids import draw_id
from tests.eventually import eventually_sync
from topics.consumer import assigned_consumer, group_consumer, next_batch
from topics.errors import FatalLogError

pytestmark = pytest.mark.stack


def drained(consumer: Consumer, count: int, most: int = 3) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        batch = next_batch(consumer, most, 0.5)
        assert len(batch) <= most
        found.extend(batch)
        return len(found) >= count

    eventually_sync(enough, 30)
    return found


async def test_a_group_goes_on_where_it_committed(kafka: dict[str, str], ten: str) -> None:
    group = f"test-{draw_id()}"

    def member() -> Consumer:
        consumer = group_consumer(kafka, group, "1")
        consumer.subscribe([ten])
        return consumer

    def run() -> None:
        first = member()
        seen = drained(first, 10)
        assert [message.value() for message in seen] == [b"%d" % n for n in range(10)]
        first.commit(offsets=[TopicPartition(ten, 0, 6)], asynchronous=False)
        first.close()
        second = member()  # the same static member: it has its partitions back at once
        assert [message.value() for message in drained(second, 4)] == [b"%d" % n for n in range(6, 10)]
        second.close()

    await asyncio.to_thread(run)


@pytest.mark.parametrize("lazy_ms", [None, 50])
@pytest.mark.parametrize("most", [1, 3, 100])
async def test_a_batch_holds_no_more_than_asked_for(
    kafka: dict[str, str], ten: str, lazy_ms: int | None, most: int
) -> None:
    def run() -> list[bytes | str | None]:
        consumer = assigned_consumer(kafka, lazy_ms=lazy_ms)
        consumer.assign([TopicPartition(ten, 0, 0)])
        try:
            return [message.value() for message in drained(consumer, 10, most)]
        finally:
            consumer.close()

    assert await asyncio.to_thread(run) == [b"%d" % n for n in range(10)]


async def test_nothing_comes_after_the_wait(kafka: dict[str, str], topic: str) -> None:
    consumer = assigned_consumer(kafka)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert await asyncio.to_thread(next_batch, consumer, 5, 0.05) == []
    consumer.close()


async def test_an_absent_broker_is_waited_for(away: dict[str, str]) -> None:
    consumer = assigned_consumer(away)
    consumer.assign([TopicPartition("t", 0, 0)])
    for _ in range(3):
        assert await asyncio.to_thread(next_batch, consumer, 5, 0.2) == []
    consumer.close()


async def test_a_session_the_broker_does_not_allow_is_fatal(kafka: dict[str, str], topic: str) -> None:
    too_short = {**kafka, "session.timeout.ms": "10", "heartbeat.interval.ms": "1"}
    consumer = group_consumer(too_short, f"test-{draw_id()}", "1")
    consumer.subscribe([topic])

    def until_it_fails() -> None:
        with pytest.raises(FatalLogError, match="session"):
            for _ in range(20):
                next_batch(consumer, 5, 0.5)

    await asyncio.to_thread(until_it_fails)
    consumer.close()
