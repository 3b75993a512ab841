"""A live log's tail in Kafka. The log view's is of what conversations' records and dead letters stand in, but
token-chunks, which have a tail of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.log_view.live_log import OnRecords
from api.log_view.places import topics_shown
from topics.catalogue import DEAD_LETTERS, TOKEN_CHUNKS, Catalogue
from topics.cuts import TopicPartition
from topics.tail import LogTail

# Few records, and only while there are readers: read little ahead.
_SMALL: Mapping[str, str] = {"queued.max.messages.kbytes": "16384"}


def live_places(topics: Catalogue) -> list[TopicPartition]:
    """What is tailed for the log view alone."""
    names = [name for name in (*topics_shown(topics), DEAD_LETTERS) if name != TOKEN_CHUNKS]
    return [(name, partition) for name in names for partition in range(topics[name].partitions)]


class KafkaLiveTail:
    """The LiveTail of api.log_view.live_log."""

    def __init__(
        self, properties: Mapping[str, str], name: str, places: Sequence[TopicPartition], on_records: OnRecords
    ) -> None:
        """`name` is its thread's."""
        self._tail = LogTail({**properties, **_SMALL}, name, on_records)
        self._places = places

    async def start(self) -> None:
        await self._tail.begin(self._places, {})

    def next_at(self, place: TopicPartition) -> int:
        return self._tail.next_at(place)

    async def failed(self) -> None:
        await self._tail.failed()

    async def aclose(self) -> None:
        await self._tail.aclose()
