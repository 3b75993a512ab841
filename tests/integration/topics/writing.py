"""Writing to a topic that belongs to one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from schemas.control import CancelRequested
from tests.generation_logs import envelope
from topics.catalogue import Catalogue
from topics.producer import LogProducer
from topics.spec import DAY_MS, TopicSpec
from topics.topic import Topic

CancelNotices = Topic[CancelRequested]
RECORD = CancelRequested(envelope(), "g", "c", "cancelled")


def catalogue_of(name: str, seams: tuple[int, ...] = ()) -> Catalogue:
    return Catalogue({name: TopicSpec(name, "key", (), 2, DAY_MS, "tests", seams=seams)})


@asynccontextmanager
async def producing(kafka: dict[str, str], topics: Catalogue, **options: Any) -> AsyncIterator[LogProducer]:
    log = LogProducer(kafka, topics, **options)
    await log.start()
    try:
        yield log
    finally:
        assert await log.aclose() == 0


def keys_of(topics: Catalogue, topic: str, partition: int, count: int) -> list[str]:
    candidates = (f"key-{n}" for n in range(10_000))
    return [key for key in candidates if topics.partition(topic, key) == partition][:count]
