"""What the live log and the pulse stand on, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from api.log_view.live_log import OnRecords
from api.log_view.live_tail import live_places
from api.pulse.fleet import Readings
from tests.unit.api.memory_log import TOPICS, MemoryLog
from topics.cuts import TopicPartition
from topics.errors import LogUnavailable


class MemoryTail:
    """The LiveTail of a log in memory. `break_` makes it fail."""

    def __init__(
        self, log: MemoryLog, on_records: OnRecords, places: Sequence[TopicPartition] = tuple(live_places(TOPICS))
    ) -> None:
        self._log = log
        self._on_records = on_records
        self._topics = {topic for topic, _ in places}
        self._tailed: list[str] = []
        self._broken = asyncio.Event()
        self.closed = False

    async def start(self) -> None:
        if self._log.down:
            raise LogUnavailable("down")
        for topic in self._topics:
            self._log.tail(topic, self._on_records)
            self._tailed.append(topic)

    def next_at(self, place: TopicPartition) -> int:
        if place[0] not in self._topics:
            raise KeyError(place)
        return len(self._log.partitions.get(place, ()))

    def break_(self) -> None:
        self._broken.set()

    async def failed(self) -> None:
        await self._broken.wait()
        raise LogUnavailable("broken")

    async def aclose(self) -> None:
        self.closed = True
        for topic in self._tailed:
            self._log.untail(topic, self._on_records)


class MemoryFleet:
    """The Fleet: says what it was given."""

    def __init__(self) -> None:
        self.said = Readings({}, {})

    async def readings(self) -> Readings:
        return self.said
