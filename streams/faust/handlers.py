"""What an agent's handler gets and promises. `R` is the family of records that the agent reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from schemas.families import R
from topics.producer import LogProducer

C = TypeVar("C", contravariant=True)


async def _nowhere(error: Exception) -> None:
    """Parks nothing: for records that come from no agent's stream."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record stands. `maybe_repeat`: it may have been handled before, by this process or another.

    `acknowledge` and `park` are for agents that hold records back (`holds=True`): call the one when the record may be
    forgotten, or await the other when it turns out later that it is poison; then it is acknowledged.
    """

    topic: str
    partition: int
    offset: int
    timestamp_us: int
    key: bytes | None
    maybe_repeat: bool
    acknowledge: Callable[[], None]
    park: Callable[[Exception], Awaitable[None]] = _nowhere


class StreamMessage(Protocol):
    """What is needed of a message of Faust's. `value` is let go of where a record is held for long."""

    value: bytes | None

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> float: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]] | None: ...
    @property
    def generation_id(self) -> int: ...


Handler = Callable[[R, Source], Awaitable[None]]
"""Handles one record; what it brought about is durable when it returns. Raises Poison (or what the log or the codec
say of a record that they will never take), Retry, or what ends the process. It is called again with the same record
after Retry, a restart or a rebalance."""


class Holding(Protocol[C]):
    """A Handler that also wants to know of the records that it never gets: parked ones, set aside ones, others' kinds.
    For agents that hold records back."""

    async def __call__(self, record: C, source: Source) -> None:
        """As a Handler."""

    async def passed(self, topic: str, partition: int, offset: int, acknowledge: Callable[[], None]) -> None:
        """Nothing comes of this record, in the order of its partition. `acknowledge` it when that may be forgotten."""


Passed = Callable[[str, int, int, Callable[[], None]], Awaitable[None]]
"""Holding.passed."""

SetAsideAt = Callable[[str, int, int, int], bool]
"""Whether an operator has set aside the record of a newer release at (topic, partition, offset), appended at so many
milliseconds. It may block."""

OpenHandler = Callable[[LogProducer], AbstractAsyncContextManager[Handler[R]]]
"""Opens what a handler needs (given the process's producer) and closes it when the process stops."""
