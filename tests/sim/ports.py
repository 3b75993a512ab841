"""What the product's own code gets instead of confluent-kafka: the same calls, answered by the fake broker in virtual
time.

A record that was produced is under way for a while; it arrives even if its process is stopped meanwhile, and may arrive
or be lost if its process dies. Acknowledgements are late at times, and at times they never come although the record is
in the log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context
from dataclasses import dataclass
from random import Random
from typing import Any

from confluent_kafka import KafkaError

from schemas.envelope import Position
from tests.fakes.broker import Fenced, MemoryBroker, MemoryMessage, Place
from tests.sim.virtual_time import CURRENT, Process, VirtualLoop, until
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.errors import FatalLogError, LogUnavailable, OutOfRange
from topics.generation_fold import GenerationFold
from topics.headers import Headers
from topics.producer import Acknowledged, LogProducer
from topics.scan import fold_generation

PRODUCE_TIMEOUT_S = 10.0
_AFTER_S = 1e-6
"""Timers of the same moment have no order: what must come later, does."""
MESSAGE_TIMEOUT = -192
"""KafkaError._MSG_TIMED_OUT"""


@dataclass(slots=True)
class Network:
    """How long things take, and what goes wrong between a process and the broker or the store."""

    loop: VirtualLoop
    rng: Random
    topics: Catalogue
    broker: MemoryBroker
    away_until_s: float = 0.0
    """The broker does not answer before this."""
    late_acks: float = 0.0
    lost_acks: float = 0.0
    lost_commits: float = 0.0
    healed: bool = False

    def delay_s(self) -> float:
        """One way to the broker."""
        usual = self.rng.uniform(0.0003, 0.004)
        if not self.healed and self.rng.random() < 0.02:
            usual += self.rng.uniform(0.02, 0.4)
        return max(usual, self.away_until_s - self.loop.time() + usual)

    def ack_delay_s(self) -> float | None:
        """Back to the producer; None: the acknowledgement is lost."""
        if not self.healed:
            if self.rng.random() < self.lost_acks:
                return None
            if self.rng.random() < self.late_acks:
                return self.rng.uniform(0.05, 3.0)
        return self.rng.uniform(0.0002, 0.002)

    def commit_is_lost(self) -> bool:
        return not self.healed and self.rng.random() < self.lost_commits

    @property
    def is_away(self) -> bool:
        return self.loop.time() < self.away_until_s


class Pipe:
    """One client's connection for producing: in order in each partition."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process
        self._busy_until: dict[Place, float] = {}
        self._told_until: dict[Place, float] = {}
        self._cut: set[Place] = set()
        self.in_flight = 0

    def send(
        self, topic: str, partition: int, key: bytes, value: bytes, told: Callable[[KafkaError | None, int], None]
    ) -> None:
        """Produce; `told` is called in the process."""
        network, place = self._network, (topic, partition)
        arrives = max(network.loop.time() + network.delay_s(), self._busy_until.get(place, 0.0) + _AFTER_S)
        self._busy_until[place] = arrives
        self.in_flight += 1
        network.loop.call_at(arrives, self._arrive, place, key, value, told, context=Context())

    def _arrive(self, place: Place, key: bytes, value: bytes, told: Callable[[KafkaError | None, int], None]) -> None:
        network = self._network
        # Of what a dead process had under way the first part arrives.
        if not self._process.alive and (place in self._cut or network.rng.random() < 0.5):
            self._cut.add(place)
            return
        offset = network.broker.append(*place, key, value)
        delay_s = network.ack_delay_s()
        if delay_s is None:
            network.loop.call_later(
                PRODUCE_TIMEOUT_S, self._tell, told, KafkaError(MESSAGE_TIMEOUT), -1, context=self._process.context
            )
        else:
            at_s = max(network.loop.time() + delay_s, self._told_until.get(place, 0.0) + _AFTER_S)
            self._told_until[place] = at_s
            network.loop.call_at(at_s, self._tell, told, None, offset, context=self._process.context)

    def _tell(self, told: Callable[[KafkaError | None, int], None], error: KafkaError | None, offset: int) -> None:
        self.in_flight -= 1
        if self._process.step():
            told(error, offset)


class SimProducer(LogProducer):
    """topics.producer.LogProducer with its own `send`, over the fake broker."""

    def __init__(self, network: Network, process: Process) -> None:
        self._topics = network.topics
        self._timeout_s = PRODUCE_TIMEOUT_S
        self._loop = network.loop
        self._process = process
        self._pipe = Pipe(network, process)

    def fire(
        self, topic: str, key: str, value: bytes, acknowledged: Acknowledged | None = None, headers: object = None
    ) -> None:
        if self._process.step():
            partition = self._topics.partition(topic, key)
            self._pipe.send(topic, partition, key.encode(), value, acknowledged or _nobody)


def _nobody(error: KafkaError | None, offset: int) -> None:
    """For records whose loss is harmless."""


class SimTail:
    """topics.tail.Tail: from now on, in batches, the position moved after each batch."""

    def __init__(self, network: Network, process: Process, topic: str, on_batch: Callable[[Any], None]) -> None:
        self._network = network
        self._process = process
        self._on_batch = on_batch
        self._next = {place[1]: network.broker.end(*place) for place in network.broker.places(topic)}
        self._topic = topic
        self._coming = False
        network.broker.on_append.append(self._appended)
        process.on_death.append(self._close)

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


class SimChunkLog:
    """api.tail_hub.ChunkLog."""

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


class Member:
    """A group member as a shell uses it: poll, commit; which of its partitions it reads from where."""

    def __init__(
        self, network: Network, process: Process, group: str, topics: list[str], instance: str | None, session_s: float
    ) -> None:
        self._network = network
        self._broker = network.broker
        self._process = process
        self._group = group
        self._id = self._broker.join(group, topics, instance, session_s)
        self._topics = frozenset(topics)
        self.next: dict[Place, int] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._has_come = False
        self._broker.on_append.append(self._appended)
        process.on_death.append(self._close)

    def changes(self) -> tuple[frozenset[Place], frozenset[Place]]:
        """(to be given up, newly ours). Raises FatalLogError for one that is fenced."""
        try:
            change = self._broker.poll(self._group, self._id)
        except Fenced as error:
            raise FatalLogError(str(error)) from error
        return change.revoked, change.assigned

    def take(self, places: frozenset[Place]) -> None:
        """Read these from where they are committed."""
        for place in sorted(places):
            self.next[place] = self._broker.committed(self._group, place) or 0

    def release(self, places: frozenset[Place]) -> None:
        for place in places:
            self.next.pop(place, None)
        try:
            self._broker.released(self._group, self._id, places)
        except Fenced as error:
            raise FatalLogError(str(error)) from error

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Raises FatalLogError for one that is fenced. May be lost, as an asynchronous one may."""
        if not offsets or not self._process.step() or self._network.commit_is_lost() or self._network.is_away:
            return
        try:
            self._broker.commit(self._group, self._id, offsets)
        except Fenced as error:
            raise FatalLogError(str(error)) from error

    def batch(self, most: int, paused: frozenset[Place] = frozenset()) -> list[MemoryMessage]:
        """What there is, moved past."""
        found: list[MemoryMessage] = []
        if self._network.is_away or not self._process.step():
            return found
        for place, start in self.next.items():
            if place not in paused and len(found) < most:
                read = self._broker.read(*place, start, most - len(found))
                self.next[place] = start + len(read)
                found += read
        return found

    async def wait(self, at_most_s: float) -> None:
        """Until something may have come."""
        loop = self._network.loop
        self._waiting = waiting = loop.create_future()
        pause_s = self._network.rng.uniform(0.0003, 0.003)
        timer = loop.call_later(pause_s if self._has_come else at_most_s + pause_s, _wake, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting, self._has_come = None, False

    def _appended(self, message: MemoryMessage) -> None:
        if message.topic() in self._topics and not self._has_come:
            self._has_come = True
            if self._waiting is not None:
                # In the process, so that one that is stopped does not notice.
                pause_s = self._network.rng.uniform(0.0003, 0.003)
                self._network.loop.call_later(pause_s, _wake, self._waiting, context=self._process.context)

    def _close(self) -> None:
        self._broker.on_append.remove(self._appended)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def scan_in(network: Network) -> Callable[..., Iterator[MemoryMessage]]:
    """topics.scan.scan over the fake broker."""

    def scan(
        properties: Mapping[str, str], topic: str, partition: int, start: int, stop: int, *, timeout_s: float = 30.0
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


class Bursts:
    """A synchronous producer (confluent_kafka.Producer) as the recorder uses it."""

    def __init__(self, network: Network, process: Process) -> None:
        self._process = process
        self._pipe = Pipe(network, process)
        self._reports: deque[Callable[[], None]] = deque()

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Any, headers: Headers | None = None
    ) -> None:
        def told(error: KafkaError | None, offset: int) -> None:
            self._reports.append(lambda: on_delivery(error, None))

        if self._process.step():
            self._pipe.send(topic, partition, key, value, told)

    def poll(self, timeout: float) -> None:
        """Delivery reports that have come."""
        while self._reports:
            self._reports.popleft()()

    def flush(self, timeout: float) -> None:
        """Nothing to wait for here: see `drained`."""
        self.poll(0)

    async def drained(self, at_most_s: float) -> None:
        """What `flush` waits for."""
        await until(lambda: not self._pipe.in_flight, at_most_s)
        self.poll(0)
