"""What streams need of token-chunks: its records as they come, and those that came before."""

from __future__ import annotations

from typing import Protocol

from schemas.envelope import Position
from topics.generation_fold import GenerationFold


class LogRecord(Protocol):
    """What is needed of a consumed Kafka message."""

    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...


class ChunkLog(Protocol):
    """token-chunks, as the hub needs it."""

    def position(self, partition: int) -> int:
        """Everything before this offset has been delivered to the hub, nothing from it on. Raises KeyError for a
        partition that is not tailed."""

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        """The generation's records from `tail` to offset `stop` (excluded).

        Raises LogUnavailable, or OutOfRange where the log does not go back that far.
        """
