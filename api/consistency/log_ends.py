"""The current ends of the log: projections must reach them before a read may say "not found"."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from topics.admins import Admins
from topics.catalogue import Catalogue
from topics.errors import LogUnavailable

ANSWER_S = 2.0
MAX_AT_ONCE = 8
_STALE = frozenset(
    {KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION}
)
"""What a broker answers a client that has not heard of the partitions' leaders since it came back. The client believes
for minutes what it has learned: it must be told to learn it again."""


class KafkaEnds:
    """The LogEnds of api.consistency.ports."""

    def __init__(self, admins: Admins, topics: Catalogue) -> None:
        self._admins = admins
        self._topics = topics
        self._asking = asyncio.Semaphore(MAX_AT_ONCE)

    async def newest(self, topic: str, key: str | None = None) -> Mapping[tuple[str, int], int]:
        partitions = range(self._topics[topic].partitions) if key is None else self._topics.partitions_of(topic, key)
        try:
            async with asyncio.timeout(ANSWER_S), self._asking:
                try:
                    ends = await self._ends(topic, partitions)
                except KafkaException as error:
                    if error.args[0].code() not in _STALE:
                        raise
                    await asyncio.to_thread(self._admins.client.list_topics, topic, ANSWER_S)
                    ends = await self._ends(topic, partitions)
        except (KafkaException, TimeoutError) as error:
            self._admins.failed()
            raise LogUnavailable(f"cannot read the end offsets of {topic}: {error}") from error
        self._admins.answered()
        return {place: end - 1 for place, end in ends.items() if end > 0}

    async def _ends(self, topic: str, partitions: Iterable[int]) -> dict[tuple[str, int], int]:
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        answers = self._admins.client.list_offsets(asked, request_timeout=ANSWER_S)
        return {
            (topic, place.partition): (await asyncio.wrap_future(answer)).offset for place, answer in answers.items()
        }
