"""The live tail against a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from confluent_kafka import Message

from tests.eventually import eventually
from tests.integration.topics.writing import RECORD, CancelNotices, catalogue_of, keys_of, producing
from topics.clients import open_producer
from topics.errors import FatalLogError, LogUnavailable
from topics.tail import Tail

pytestmark = pytest.mark.stack


class Seen:
    """What a tail delivered, and how."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.batches: list[int] = []

    def __call__(self, batch: list[Message]) -> None:
        self.batches.append(len(batch))
        self.messages += batch

    def values(self, partition: int | None = None) -> list[bytes | str | None]:
        return [message.value() for message in self.messages if partition in (None, message.partition())]


@asynccontextmanager
async def tailing(kafka: dict[str, str], topic: str, seen: Any, **options: Any) -> AsyncIterator[Tail]:
    tail = Tail(kafka, topic, seen)
    await tail.start([0, 1], **options)
    try:
        yield tail
    finally:
        await tail.aclose()


async def test_a_tail_sees_everything_appended_after_it_started_in_order(
    kafka: dict[str, str], topic: CancelNotices
) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log:
        for key in keys_of(topics, topic, 0, 5) + keys_of(topics, topic, 1, 3):
            await log.send(topic, key, RECORD)
        tail = Tail(kafka, topic, seen)
        assert await tail.start([0, 1]) == {0: 5, 1: 3}
        assert (tail.position(0), tail.position(1)) == (5, 3)
        for n in range(1000):
            log.fire(topic, f"key-{n % 11}", b"%d" % n)
        await eventually(lambda: len(seen.messages) == 1000)
        for partition in (0, 1):
            mine = [n for n in range(1000) if topics.partition(topic, f"key-{n % 11}") == partition]
            assert seen.values(partition) == [b"%d" % n for n in mine]
            assert tail.position(partition) == (5, 3)[partition] + len(mine)
        await tail.aclose()


async def test_a_tail_begins_where_it_is_told_to(kafka: dict[str, str], topic: CancelNotices) -> None:
    topics, seen = catalogue_of(topic), Seen()
    key = keys_of(topics, topic, 1, 1)[0]
    async with producing(kafka, topics) as log:
        for n in range(4):
            log.fire(topic, key, b"%d" % n)
        await log.flush(5)
        async with tailing(kafka, topic, seen, from_offsets={1: 2}) as tail:
            await eventually(lambda: seen.values() == [b"2", b"3"])
            assert (tail.position(0), tail.position(1)) == (0, 4)
            with pytest.raises(KeyError):
                tail.position(7)


async def test_a_position_is_a_lower_bound_of_what_comes_next(kafka: dict[str, str], topic: CancelNotices) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log, tailing(kafka, topic, seen) as tail:
        for _ in range(50):
            noted = tail.position(topics.partition(topic, "a"))
            assert (await log.send(topic, "a", RECORD)).offset >= noted


async def test_a_busy_loop_gets_its_records_in_few_batches_and_loses_none(
    kafka: dict[str, str], topic: CancelNotices
) -> None:
    topics, seen = catalogue_of(topic), Seen()
    async with producing(kafka, topics) as log, tailing(kafka, topic, seen):
        await log.send(topic, "a", RECORD)
        await eventually(lambda: len(seen.messages) == 1)
        other = open_producer({**kafka})
        partition = topics.partition(topic, "a")
        for n in range(20_000):
            other.produce(topic, b"%d" % n, partition=partition)
        # The loop stands still meanwhile: at most three batches wait for it, the rest stays with the broker.
        assert other.flush(30) == 0
        await eventually(lambda: len(seen.messages) == 20_001, timeout_s=30)
    assert seen.values(partition)[1:] == [b"%d" % n for n in range(20_000)]
    assert max(seen.batches) <= 2000


async def test_an_error_in_the_reader_ends_the_tail_and_is_told(kafka: dict[str, str], topic: CancelNotices) -> None:
    def failing(batch: list[Message]) -> None:
        raise LookupError("reader")

    async with producing(kafka, catalogue_of(topic)) as log, tailing(kafka, topic, failing) as tail:
        await log.send(topic, "a", RECORD)
        with pytest.raises(LookupError, match="reader"):
            async with asyncio.timeout(10):
                await tail.failed()


async def test_a_tail_outside_the_log_ends_with_an_error(kafka: dict[str, str], topic: CancelNotices) -> None:
    async with tailing(kafka, topic, Seen(), from_offsets={0: 500}) as tail:
        with pytest.raises(FatalLogError):
            async with asyncio.timeout(10):
                await tail.failed()


async def test_a_tail_without_a_broker_is_unavailable(away: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topics.tail._CONTACT_S", 0.5)
    tail = Tail(away, "t", Seen())
    with pytest.raises(LogUnavailable):
        await tail.start([0])
    await tail.aclose()
