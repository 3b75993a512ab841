"""token-chunks in Kafka for the hub: one live tail, and look-backs for late readers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from schemas.envelope import Position
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.generation_fold import GenerationFold
from topics.scan import fold_generation
from topics.tail import OnBatch, Tail

SILENCE_S = 5.0
"""How long the broker may say nothing while the log is read back: a thread that waits is one less for the others."""


class KafkaChunkLog:
    """The ChunkLog of api.streaming.ports. All partitions are tailed: locally they are few; a replica behind an
    ingress that hashes conversations would start it with those it is sent."""

    def __init__(self, properties: Mapping[str, str], topics: Catalogue) -> None:
        self._properties = dict(properties)
        self._partitions = list(range(topics[TOKEN_CHUNKS].partitions))
        self._tail: Tail | None = None

    async def start(self, on_batch: OnBatch) -> None:
        """Begin; every record appended after this returned reaches `on_batch`. Raises LogUnavailable."""
        self._tail = Tail(self._properties, TOKEN_CHUNKS, on_batch)
        await self._tail.start(self._partitions)

    def position(self, partition: int) -> int:
        assert self._tail is not None, "call start() first"  # noqa: S101 - a programming error
        return self._tail.position(partition)

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        return await asyncio.to_thread(
            fold_generation,
            self._properties,
            TOKEN_CHUNKS,
            conversation_id,
            generation_id,
            tail,
            stop,
            timeout_s=SILENCE_S,
        )

    async def failed(self) -> None:
        """Until the tail can go on no more; raises what ended it."""
        assert self._tail is not None, "call start() first"  # noqa: S101 - a programming error
        await self._tail.failed()

    async def aclose(self) -> None:
        if self._tail is not None:
            await self._tail.aclose()
