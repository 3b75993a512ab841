"""The current ends of the log: projections must reach them before a read may say "not found"."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from topics.catalogue import Catalogue
from topics.errors import LogUnavailable

ANSWER_S = 2.0
MAX_AT_ONCE = 8


class KafkaEnds:
    """The LogEnds of api.consistency.ports."""

    def __init__(self, admin: AdminClient, topics: Catalogue) -> None:
        self._admin = admin
        self._topics = topics
        self._asking = asyncio.Semaphore(MAX_AT_ONCE)

    async def newest(self, topic: str, key: str | None = None) -> Mapping[tuple[str, int], int]:
        partitions = range(self._topics[topic].partitions) if key is None else self._topics.partitions_of(topic, key)
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        try:
            async with asyncio.timeout(ANSWER_S), self._asking:
                answers = self._admin.list_offsets(asked, request_timeout=ANSWER_S)
                ends = {
                    (topic, place.partition): (await asyncio.wrap_future(answer)).offset
                    for place, answer in answers.items()
                }
        except (KafkaException, TimeoutError) as error:
            raise LogUnavailable(f"cannot read the end offsets of {topic}: {error}") from error
        return {place: end - 1 for place, end in ends.items() if end > 0}
