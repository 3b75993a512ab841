"""The past of a log in memory: read at once, by the code that reads the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from projections.replay.as_of import PastConversation
from projections.replay.looking_back import Check, LogSource, conversation_then, record_at
from tests.unit.api.memory_log import TOPICS, MemoryLog
from topics.cuts import Cut, TopicPartition
from topics.log import RawRecord

T = TypeVar("T")


class MemoryHistory:
    """The Past of the api. `failure` is raised when it is asked."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.failure: Exception | None = None
        self.looks = 0
        self.waiting = 0
        self._held: asyncio.Event | None = None

    def hold(self) -> asyncio.Event:
        """From now on nothing is read until the event is set."""
        self._held = asyncio.Event()
        return self._held

    async def conversation(self, conversation_id: str, first: int, moment: Cut | int) -> tuple[Cut, PastConversation]:
        return await self.look(lambda log, check: conversation_then(log, TOPICS, conversation_id, first, moment, check))

    async def record_at(self, topic: str, key: str, order_key: int) -> object | None:
        return await self.look(lambda log, check: record_at(log, TOPICS, topic, key, order_key, check))

    async def look(self, work: Callable[[LogSource, Check], T]) -> T:
        self.looks += 1
        if self._held is not None:
            self.waiting += 1
            await self._held.wait()
            self.waiting -= 1
        if self.failure is not None:
            raise self.failure
        return work(self, lambda kept: None)

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        places = [(topic, partition) for topic, count in topics.items() for partition in range(count)]
        return dict.fromkeys(places, 0), {place: len(self._log.partitions.get(place, ())) for place in places}

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[TopicPartition, int]:
        cut = self.held(topics)[1]
        for place in cut:
            records = [raw for batch in self.read({}, {place: cut[place]}) for raw in batch]
            cut[place] = next((raw.offset for raw in records if raw.timestamp_ms >= at_ms), cut[place])
        return cut

    def read(self, start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        for place, until in stop.items():
            for record in self._log.partitions.get(place, [])[start.get(place, 0) : until]:
                yield [RawRecord(*record.at, record.timestamp()[1], record.key(), record.value())]
