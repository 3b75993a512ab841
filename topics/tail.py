"""A live tail: what is appended to some partitions from now on, drained in batches into an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from topics.consumer import assigned_consumer, bounds, next_batch
from topics.errors import LogUnavailable

OnBatch = Callable[[list[Message]], None]
_MOST = 2000
_CONTACT_S = 10.0


class Tail:
    """One ungrouped consumer in a thread of its own; `on_batch` runs on the loop, once a drain.

    The hand-over is bounded: while the loop has not taken a batch, at most two more are read. Broker trouble that
    repairs itself is waited out. What does not, and anything `on_batch` raises, ends the tail: see `failed`.
    """

    def __init__(self, properties: Mapping[str, str], topic: str, on_batch: OnBatch, *, lazy: bool = False) -> None:
        self._topic = topic
        self._on_batch = on_batch
        self._consumer: Consumer = assigned_consumer(properties, lazy=lazy)
        self._slots = threading.Semaphore(3)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tail-{topic}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed: asyncio.Future[None] | None = None
        self._next: dict[int, int] = {}

    async def start(self, partitions: list[int], *, from_offsets: Mapping[int, int] | None = None) -> dict[int, int]:
        """Assign partitions at their ends (or `from_offsets`) and begin. Returns the offset each one starts at.

        Every record appended after this returned will be seen. Raises LogUnavailable if the broker does not answer.
        """
        self._loop = asyncio.get_running_loop()
        self._failed = self._loop.create_future()
        self._next = await asyncio.to_thread(self._assign, partitions, dict(from_offsets or {}))
        self._thread.start()
        return dict(self._next)

    def position(self, partition: int) -> int:
        """A lower bound of the offset of whatever is appended next to `partition`. Raises KeyError if not tailed."""
        return self._next[partition]

    async def failed(self) -> None:
        """Wait until the tail can go on no more; raises what ended it."""
        assert self._failed is not None, "start() comes first"  # noqa: S101 - a programming error
        await asyncio.shield(self._failed)

    async def aclose(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5.0)
        await asyncio.to_thread(self._consumer.close)

    def _assign(self, partitions: list[int], offsets: dict[int, int]) -> dict[int, int]:
        try:
            for partition in partitions:
                if partition not in offsets:
                    offsets[partition] = bounds(self._consumer, self._topic, partition, _CONTACT_S)[1]
            self._consumer.assign([TopicPartition(self._topic, p, offsets[p]) for p in partitions])
        except KafkaException as error:
            raise LogUnavailable(f"{self._topic} cannot be tailed: {error}") from error
        return {partition: offsets[partition] for partition in partitions}

    def _run(self) -> None:
        assert self._loop is not None and self._failed is not None  # noqa: S101 - set by start
        try:
            while not self._stop.is_set():
                batch = next_batch(self._consumer, _MOST, 0.5)
                if not batch:
                    continue
                while not self._slots.acquire(timeout=0.5):
                    if self._stop.is_set():
                        return
                self._loop.call_soon_threadsafe(self._deliver, batch)
        except Exception as error:  # whatever it is: a thread that died silently would look like a quiet topic
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._fail, error)

    def _deliver(self, batch: list[Message]) -> None:
        self._slots.release()
        if self._stop.is_set():
            return
        try:
            self._on_batch(batch)
        except Exception as error:  # whoever waits for the tail gets it; going on would be a silent gap
            self._stop.set()
            self._fail(error)
            return
        for message in batch:
            self._next[message.partition() or 0] = (message.offset() or 0) + 1

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
