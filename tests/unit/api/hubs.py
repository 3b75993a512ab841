"""A tail hub on a log in memory, and logs that make it wait."""

from __future__ import annotations

import asyncio

from api.streaming.tail_hub import TailHub
from schemas.envelope import Position
from tests.unit.api.memory_log import TOPICS, MemoryLog
from tests.unit.api.turns import TURN
from topics.catalogue import TOKEN_CHUNKS
from topics.errors import LogUnavailable
from topics.generation_fold import GenerationFold

ARGS = (TURN.generation_id, TURN.conversation_id, TURN.user_id)


def hub_on(log: MemoryLog) -> TailHub:
    hub = TailHub(TOPICS, log)
    log.tail(TOKEN_CHUNKS, hub.on_batch)
    return hub


class Counter:
    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class SlowLog(MemoryLog):
    """Looking back takes until `go`; meanwhile records come in."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.scans = 0
        self.fails = False

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        self.scans += 1
        await self.go.wait()
        if self.fails:
            raise LogUnavailable("away")
        return await super().fold(conversation_id, generation_id, tail, stop)


class KnownPartitions(MemoryLog):
    """As a tail, it knows no partition but those it was begun with."""

    def position(self, partition: int) -> int:
        if partition >= TOPICS[TOKEN_CHUNKS].partitions:
            raise KeyError(partition)
        return super().position(partition)
