"""Scans of a span, and of one generation, against a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from schemas.codec import encode
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from tests.generation_logs import chunk, ended, started, stopped
from tests.integration.topics.writing import RECORD, catalogue_of, keys_of, producing
from topics.clients import open_admin
from topics.consumer import assigned_consumer
from topics.errors import LogUnavailable, OutOfRange
from topics.scan import fold_generation, scan, watermarks
from topics.topic import Topic

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, 1), (9, 10), (3, 7), (4, 4), (7, 3), (10, 10)])
async def test_a_scan_gives_its_span(kafka: dict[str, str], ten: str, start: int, stop: int) -> None:
    found = await asyncio.to_thread(lambda: [message.value() for message in scan(kafka, ten, 0, start, stop)])
    assert found == [b"%d" % n for n in range(start, stop)]


async def test_a_scan_may_be_left_early(kafka: dict[str, str], ten: str) -> None:
    spans = scan(kafka, ten, 0, 2, 9)
    assert next(spans).offset() == 2
    assert isinstance(spans, Generator)
    spans.close()
    assert list(spans) == []


@pytest.mark.parametrize(("start", "stop", "asked"), [(0, 11, 10), (10, 12, 11), (-1, 3, -1)])
async def test_a_span_the_log_does_not_hold_is_out_of_range(
    kafka: dict[str, str], ten: str, start: int, stop: int, asked: int
) -> None:
    with pytest.raises(OutOfRange, match=rf"holds offsets 0 to 9, {asked} was asked for") as caught:
        list(scan(kafka, ten, 0, start, stop))
    assert (caught.value.low, caught.value.high) == (0, 10)


async def test_records_that_were_deleted_are_out_of_range(kafka: dict[str, str], ten: str) -> None:
    admin = open_admin({**kafka})
    deleted = admin.delete_records([TopicPartition(ten, 0, 4)])
    for future in deleted.values():
        future.result(10)
    assert await asyncio.to_thread(watermarks, kafka, ten, 0) == (4, 10)
    with pytest.raises(OutOfRange, match="holds offsets 4 to 9, 3 was asked for"):
        list(scan(kafka, ten, 0, 3, 10))
    assert len(list(scan(kafka, ten, 0, 4, 10))) == 6


class DeletedMeanwhile:
    """A consumer whose partition loses its first four records just before the first fetch."""

    def __init__(self, properties: dict[str, str]) -> None:
        self._consumer = assigned_consumer(properties)
        self._admin = open_admin({**properties})

    def assign(self, places: list[TopicPartition]) -> None:
        deleted = self._admin.delete_records([TopicPartition(places[0].topic, places[0].partition, 4)])
        for future in deleted.values():
            future.result(10)
        self._consumer.assign(places)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


async def test_records_deleted_while_they_are_scanned_are_out_of_range(
    kafka: dict[str, str], ten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topics.scan.assigned_consumer", DeletedMeanwhile)
    with pytest.raises(OutOfRange, match="holds offsets 4 to 9, 0 was asked for"):
        list(scan(kafka, ten, 0, 0, 10))


async def test_an_absent_broker_cannot_be_scanned(away: dict[str, str]) -> None:
    with pytest.raises(LogUnavailable):
        list(scan(away, "t", 0, 0, 1, timeout_s=0.5))
    with pytest.raises(LogUnavailable):
        watermarks(away, "t", 0, timeout_s=0.5)


async def test_one_generation_is_folded_from_among_others_and_damage(kafka: dict[str, str], topic: str) -> None:
    topics = catalogue_of(topic)
    mine, neighbour = keys_of(topics, topic, 0, 2)
    log: list[GenerationRecord] = [
        started("a"),
        chunk("a", 1),
        started("b", 2),
        chunk("a", 2),
        chunk("b", 2),
        ended("b", 2, "<a1><b2>"),
        stopped(),
    ]
    async with producing(kafka, topics) as producer:
        producer.fire(topic, mine, b"before")
        for record in log:
            producer.fire(topic, mine, encode(record))
            producer.fire(topic, mine, b"damage")
            producer.fire(topic, neighbour, encode(chunk("a", 1, "of somebody else's")))
            producer.fire(topic, mine, encode(RECORD))
    end = (await asyncio.to_thread(watermarks, kafka, topic, 0))[1]
    chunks: Topic[GenerationRecord] = Topic(topic, GenerationRecord)
    fold = await asyncio.to_thread(fold_generation, kafka, chunks, mine, "generation", Position(5, 0, 1), end)
    assert (fold.text, fold.number, fold.end) == ("<a1><b2>", 2, log[5])
    assert fold.end_position == Position(5, 0, 1 + 5 * 4)
    nothing = await asyncio.to_thread(fold_generation, kafka, chunks, mine, "another", Position(5, 0, 0), end)
    assert (nothing.turn, nothing.text) == (None, "")
