"""What reads the log without a group, over the fake broker in virtual time: tails, the API's chunk log, scans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.envelope import Position
from tests.fakes.broker import MemoryMessage
from tests.sim.network import Network
from tests.sim.virtual_time import CURRENT, Process
from topics.admission.book import Book
from topics.admission.following import Fence
from topics.catalogue import ADMISSIONS, TOKEN_CHUNKS
from topics.errors import LogUnavailable, OutOfRange
from topics.generation_fold import GenerationFold
from topics.scan import fold_generation


class SimTail:
    """topics.tail.Tail: from now on or from the beginning, in batches, the position moved after each batch."""

    def __init__(
        self,
        network: Network,
        process: Process,
        topic: str,
        on_batch: Callable[[Any], None],
        *,
        from_beginning: bool = False,
    ) -> None:
        self._network = network
        self._process = process
        self._on_batch = on_batch
        self._next = {place[1]: network.broker.end(*place) for place in network.broker.places(topic)}
        self._topic = topic
        self._coming = False
        network.broker.on_append.append(self._appended)
        process.on_death.append(self._close)
        if from_beginning:
            self._next = dict.fromkeys(self._next, 0)
            self._coming = True
            network.loop.call_later(network.delay_s(), self._deliver, context=process.context)

    def position(self, partition: int) -> int:
        return self._next[partition]

    def _appended(self, message: MemoryMessage) -> None:
        if message.topic() == self._topic and not self._coming:
            self._coming = True
            self._network.loop.call_later(self._network.delay_s(), self._deliver, context=self._process.context)

    def _deliver(self) -> None:
        self._coming = False
        if not self._process.step():
            return
        batch = [
            message
            for partition, start in self._next.items()
            for message in self._network.broker.read(self._topic, partition, start, 2000)
        ]
        self._on_batch(batch)
        for message in batch:
            self._next[message.partition()] = message.offset() + 1

    def _close(self) -> None:
        self._network.broker.on_append.remove(self._appended)


async def follow_admissions(network: Network, process: Process) -> tuple[Book, Fence]:
    """topics.admission.following: a book that has read what there is."""
    book = Book(network.topics)
    SimTail(network, process, ADMISSIONS, book.on_batch, from_beginning=True)

    async def ends() -> Mapping[int, int]:
        await asyncio.sleep(network.delay_s())
        _reachable(network)
        return {place[1]: network.broker.end(*place) for place in network.broker.places(ADMISSIONS)}

    for place in network.broker.places(ADMISSIONS):
        await book.read_up_to(place[1], network.broker.end(*place), 60.0)
    return book, Fence(book, ends)


class SimChunkLog:
    """api.streaming.tail_hub.ChunkLog."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process
        self._tail: SimTail | None = None

    def start(self, on_batch: Callable[[Any], None]) -> None:
        self._tail = SimTail(self._network, self._process, TOKEN_CHUNKS, on_batch)

    def position(self, partition: int) -> int:
        assert self._tail is not None
        return self._tail.position(partition)

    async def fold(self, conversation_id: str, generation_id: str, tail: Position, stop: int) -> GenerationFold:
        return await asyncio.to_thread(fold_generation, {}, TOKEN_CHUNKS, conversation_id, generation_id, tail, stop)


def scan_in(network: Network) -> Callable[..., Iterator[MemoryMessage]]:
    """topics.scan.scan over the fake broker."""

    def scan(
        properties: Mapping[str, str],
        topic: str,
        partition: int,
        start: int,
        stop: int,
        *,
        timeout_s: float = 30.0,
        alive: Callable[[], None] | None = None,
    ) -> Iterator[MemoryMessage]:
        if start >= stop:
            return
        _reachable(network)
        if stop > network.broker.end(topic, partition):
            raise OutOfRange(topic, partition, stop - 1, 0, network.broker.end(topic, partition))
        yield from network.broker.read(topic, partition, start, stop - start)

    return scan


def watermarks_in(network: Network) -> Callable[..., tuple[int, int]]:
    """topics.scan.watermarks over the fake broker."""

    def watermarks(
        properties: Mapping[str, str], topic: str, partition: int, timeout_s: float = 10.0
    ) -> tuple[int, int]:
        _reachable(network)
        return 0, network.broker.end(topic, partition)

    return watermarks


def _reachable(network: Network) -> None:
    process = CURRENT.get()
    if network.is_away or (process is not None and not process.step()):
        raise LogUnavailable("the broker does not answer")
