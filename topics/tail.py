"""A live tail: new records of some partitions, delivered in batches to an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.runtime.bridge import HandOver
from infra.runtime.metrics import bound
from topics.consumer import assigned_consumer, bounds, next_batch
from topics.cuts import TopicPartition as Place
from topics.errors import LogUnavailable

OnBatch = Callable[[list[Message]], None]
_MOST = 2000
_MAX_AHEAD = 3
_not_taken = bound("tail.batches_ahead")
_CONTACT_S = 10.0
_PATIENT = {"fetch.wait.max.ms": "2000"}
"""What comes answers the fetch at once, and nothing else is asked of a tail's connection that a fetch could hold up."""


class LogTail:
    """One ungrouped consumer of several topics in a thread of its own; `on_batch` runs on the loop, once a drain.

    The hand-over is bounded: while the loop has not taken a batch, at most two more are read. Broker trouble that
    repairs itself is waited out. What does not, and anything `on_batch` raises, ends the tail: see `failed`.
    """

    def __init__(
        self, properties: Mapping[str, str], name: str, on_batch: OnBatch, *, lazy_ms: int | None = None
    ) -> None:
        """`name` is the thread's."""
        self._on_batch = on_batch
        self._consumer: Consumer = assigned_consumer({**_PATIENT, **properties}, lazy_ms=lazy_ms)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tail-{name}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hand_over: HandOver[list[Message]] | None = None
        self._failed: asyncio.Future[None] | None = None
        self._next: dict[str, dict[int, int]] = {}
        self._only: dict[int, int] | None = None

    async def begin(self, places: Iterable[Place], from_offsets: Mapping[Place, int]) -> Mapping[Place, int]:
        """Assign places at their ends (or `from_offsets`) and begin. Returns the offset each one starts at.

        Every record appended after this returned will be seen. Raises LogUnavailable if the broker does not answer.
        """
        self._loop = asyncio.get_running_loop()
        self._failed = self._loop.create_future()
        self._hand_over = HandOver(self._loop, self._deliver, most=_MAX_AHEAD)
        began = await asyncio.to_thread(self._assign, list(places), dict(from_offsets))
        for (topic, partition), offset in began.items():
            self._next.setdefault(topic, {})[partition] = offset
        if len(self._next) == 1:
            (self._only,) = self._next.values()
        self._thread.start()
        return began

    def next_at(self, place: Place) -> int:
        """A lower bound of the offset of whatever is appended next to `place`. Raises KeyError if not tailed."""
        topic, partition = place
        return self._next[topic][partition]

    async def failed(self) -> None:
        """Wait until the tail can go on no more; raises what ended it."""
        assert self._failed is not None, "call begin() first"  # noqa: S101 - a programming error
        await asyncio.shield(self._failed)

    async def aclose(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5.0)
        await asyncio.to_thread(self._consumer.close)

    def _assign(self, places: list[Place], offsets: dict[Place, int]) -> dict[Place, int]:
        try:
            for place in places:
                if place not in offsets:
                    offsets[place] = bounds(self._consumer, *place, _CONTACT_S)[1]
            self._consumer.assign([TopicPartition(*place, offsets[place]) for place in places])
        except KafkaException as error:
            topics = ", ".join(sorted({topic for topic, _ in places}))
            raise LogUnavailable(f"{topics} cannot be tailed: {error}") from error
        return {place: offsets[place] for place in places}

    def _run(self) -> None:
        assert self._loop is not None and self._hand_over is not None  # noqa: S101 - set by begin
        try:
            while not self._stop.is_set():
                batch = next_batch(self._consumer, _MOST, 0.5)
                if batch and not self._hand_over.put(batch, stop=self._stop, waited=_not_taken):
                    return
        except Exception as error:  # whatever it is: a thread that died silently would look like a quiet topic
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._fail, error)

    def _deliver(self, batch: list[Message]) -> None:
        if self._stop.is_set():
            return
        try:
            self._on_batch(batch)
        except Exception as error:  # the waiter for the tail gets it; going on would be a silent gap
            self._stop.set()
            self._fail(error)
            return
        only = self._only
        if only is not None:  # as token-chunks are tailed: each call on a record counts there
            for message in batch:
                only[message.partition() or 0] = (message.offset() or 0) + 1
            return
        for message in batch:
            self._next[message.topic() or ""][message.partition() or 0] = (message.offset() or 0) + 1

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


class Tail(LogTail):
    """A LogTail of one topic."""

    def __init__(
        self, properties: Mapping[str, str], topic: str, on_batch: OnBatch, *, lazy_ms: int | None = None
    ) -> None:
        super().__init__(properties, topic, on_batch, lazy_ms=lazy_ms)
        self._topic = topic

    async def start(self, partitions: list[int], *, from_offsets: Mapping[int, int] | None = None) -> dict[int, int]:
        """As `begin`, by partition."""
        wanted = {(self._topic, partition): offset for partition, offset in (from_offsets or {}).items()}
        began = await self.begin([(self._topic, partition) for partition in partitions], wanted)
        return {partition: offset for (_, partition), offset in began.items()}

    def position(self, partition: int) -> int:
        """As `next_at`, by partition."""
        return self.next_at((self._topic, partition))
