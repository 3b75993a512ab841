"""The past of a log in memory: read at once, by the code that reads the real one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.clock import now_ms
from projections.replay.as_of import PastConversation
from projections.replay.looking_back import conversation_then
from schemas.codec import decode
from tests.unit.api.memory_log import TOPICS, MemoryLog
from topics.catalogue import GENERATION_OUTCOMES
from topics.cuts import Cut, TopicPartition
from topics.log import RawRecord


class MemoryPast:
    """The Past of the api. `failure` is raised when it is asked. What users did was appended when it occurred, outcomes
    (whose time is the same in every test) just now."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.failure: Exception | None = None

    async def conversation(self, conversation_id: str, first: int, moment: Cut | int) -> tuple[Cut, PastConversation]:
        if self.failure is not None:
            raise self.failure
        return conversation_then(self, TOPICS, conversation_id, first, moment, lambda kept: None)

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
                event = decode(record.value())
                at_ms = now_ms() if place[0] == GENERATION_OUTCOMES else event.envelope.occurred_at_us // 1000
                yield [RawRecord(*record.at, at_ms, record.key(), record.value())]
