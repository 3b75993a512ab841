"""A consumer group member in a thread of its own, drained in batches into an event loop.

Everything that moves a position (assign, poll, rewind) happens in this one thread, and every batch carries the epoch
it was read under: what an older epoch read is read again, so the receiver drops it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from infra.clock import monotonic_s
from infra.runtime.metrics import bound
from streams.faust.progress import Offsets, Place
from topics.clients import open_admin, open_consumer
from topics.consumer import next_batch
from topics.errors import LogError, LogUnavailable

POLL_S = 0.1
MAX_RECORDS = 500
BATCHES_AHEAD = 2
ANSWER_S = 10.0
PATIENCE_S = 2.0
T = TypeVar("T")
_not_taken = bound("agents.batches_ahead")
_MEMBERSHIP = ("group.", "partition.", "session.", "heartbeat.", "enable.", "auto.", "fetch.", "queued.")


class Receiver(Protocol):
    """Who gets the batches; every method runs on the event loop."""

    async def revoked(self, places: set[Place]) -> None: ...

    async def assigned(self, epoch: int, offsets: Offsets) -> None: ...

    def settled(self, epoch: int) -> None: ...

    def rewound(self, epoch: int) -> None: ...

    def batch(self, epoch: int, messages: list[Message]) -> None: ...

    def failed(self, error: Exception) -> None: ...


class Poller:
    """`free()` must be called once for every batch received: BATCHES_AHEAD are read ahead, no more."""

    def __init__(self, properties: Mapping[str, str], receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
        self._properties = properties
        self._consumer = open_consumer(properties)
        self._admin: AdminClient | None = None
        self._receiver = receiver
        self._loop = loop
        self._slots = threading.Semaphore(BATCHES_AHEAD)
        self._orders: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)
        self._topics: list[str] = []
        self._epoch = 0
        self._ended = False

    def start(self, topics: list[str]) -> None:
        """Join the group for `topics`. Once."""
        self._topics = topics
        self._thread.start()

    def free(self) -> None:
        """One batch has been taken."""
        self._slots.release()

    async def committed(self, places: set[Place]) -> Offsets:
        """What the group has committed. Raises LogUnavailable."""
        return await self._ordered(lambda: self._committed(places))

    async def rewind(self, epoch: int, offsets: Offsets) -> None:
        """Read on from `offsets`, which name the whole assignment of `epoch`; nothing if that is over.

        Batches read before carry an older epoch than those read after. Raises LogUnavailable.
        """

        def read_again() -> None:
            if epoch == self._epoch:
                self._read_from(offsets)

        await self._ordered(read_again)

    async def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Commit, and whether the broker took it."""
        wanted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        try:
            await self._ordered(lambda: self._commit(wanted))
        except LogUnavailable:
            return False
        return True

    async def _ordered(self, work: Callable[[], T]) -> T:
        """Have `work` done by the polling thread.

        librdkafka's client makes every other thread wait that asks the consumer something while one polls (measured:
        for seconds), and a position that moves behind the poll's back loses records.
        """
        if self._ended:
            raise LogUnavailable("the consumer has ended")
        order: Future[T] = Future()
        self._orders.append((work, order))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(order), ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            raise LogUnavailable(f"the consumer did not answer: {error}") from error

    async def bounds(self, places: set[Place]) -> dict[Place, tuple[int, int]]:
        """(first offset, end offset) of partitions, asked of the broker. Raises LogUnavailable."""
        # By a client of its own: the consumer's connection answers only after the fetch that waits on it.
        if self._admin is None:
            self._admin = open_admin({n: v for n, v in self._properties.items() if not n.startswith(_MEMBERSHIP)})
        firsts, ends = await asyncio.gather(
            self._offsets(places, OffsetSpec.earliest()),  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            self._offsets(places, OffsetSpec.latest()),  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        )
        return {place: (firsts[place], ends[place]) for place in places}

    async def _offsets(self, places: set[Place], spec: OffsetSpec) -> dict[Place, int]:
        if not places or self._admin is None:
            return {}
        asked = {TopicPartition(*place): spec for place in places}
        try:
            answers = self._admin.list_offsets(asked, request_timeout=ANSWER_S)
            return {
                (place.topic, place.partition): (await asyncio.wrap_future(answer)).offset
                for place, answer in answers.items()
            }
        except KafkaException as error:
            # What a client has learned of the partitions' leaders it believes for minutes, also after a restart of the
            # broker, which then refuses every question (FENCED_LEADER_EPOCH): a new client learns it again.
            self._admin = None
            raise LogUnavailable(f"offsets: {error}") from error

    async def aclose(self) -> None:
        """Leave the loop (a static member stays in its group until its session ends) and close."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, ANSWER_S)

    # What follows runs in the polling thread.

    def _run(self) -> None:
        try:
            self._consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
            while not self._stop.is_set():
                self._run_orders()
                epoch = self._epoch
                batch = next_batch(self._consumer, MAX_RECORDS, POLL_S)
                if batch and epoch == self._epoch:
                    self._hand_over(epoch, batch)
                elif batch:
                    self._read_again()
        except Exception as error:  # whatever it is: a thread that died silently would look like a quiet topic
            self._tell(self._receiver.failed, error)
        finally:
            self._ended = True
            self._refuse_orders()
            self._consumer.close()

    def _read_again(self) -> None:
        # A rebalance came in the middle of a batch: which part of it is new cannot be told.
        self._read_from(self._committed({(tp.topic, tp.partition) for tp in self._consumer.assignment()}))

    def _run_orders(self) -> None:
        while self._orders:
            work, order = self._orders.popleft()
            if not order.set_running_or_notify_cancel():
                continue
            try:
                order.set_result(work())
            except (LogError, KafkaException) as error:
                order.set_exception(error)

    def _refuse_orders(self) -> None:
        while self._orders:
            _, order = self._orders.popleft()
            if order.set_running_or_notify_cancel():
                order.set_exception(LogUnavailable("the consumer has ended"))

    def _committed(self, places: set[Place]) -> Offsets:
        asked = [TopicPartition(topic, partition) for topic, partition in sorted(places)]
        try:
            answers = self._consumer.committed(asked, timeout=ANSWER_S) if asked else []
        except KafkaException as error:
            raise LogUnavailable(f"committed offsets: {error}") from error
        return {(a.topic, a.partition): a.offset if a.offset >= 0 else None for a in answers}

    def _commit(self, offsets: list[TopicPartition]) -> None:
        self._consumer.commit(offsets=offsets, asynchronous=False)

    def _read_from(self, offsets: Offsets) -> None:
        self._epoch += 1
        self._tell(self._receiver.rewound, self._epoch)
        self._assign(offsets)

    def _assign(self, offsets: Offsets) -> None:
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING if offset is None else offset)
                for (topic, partition), offset in offsets.items()
            ]
        )

    def _hand_over(self, epoch: int, batch: list[Message]) -> None:
        patient_until_s, paused = monotonic_s() + PATIENCE_S, False
        while not self._slots.acquire(timeout=POLL_S / 10):
            self._run_orders()
            if monotonic_s() > patient_until_s:
                if not paused:
                    _not_taken()
                # The group takes a member that does not poll for dead. Not sooner: a pause drops what was prefetched.
                self._consumer.pause(self._consumer.assignment())
                paused = True
                late = next_batch(self._consumer, MAX_RECORDS, POLL_S)
                if late and epoch != self._epoch:
                    self._read_again()
                else:
                    batch += late
            if self._stop.is_set() or epoch != self._epoch:
                return
        if paused:
            self._consumer.resume(self._consumer.assignment())
        self._tell(self._receiver.batch, epoch, batch)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._epoch += 1
        offsets = self._committed({(tp.topic, tp.partition) for tp in partitions})
        self._await(self._receiver.assigned(self._epoch, offsets))
        self._assign(offsets)
        self._tell(self._receiver.settled, self._epoch)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._epoch += 1
        if not self._stop.is_set():
            self._await(self._receiver.revoked({(tp.topic, tp.partition) for tp in partitions}))
        self._consumer.unassign()

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *arguments)

    def _await(self, work: Awaitable[None]) -> None:
        done = asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)
        while not self._stop.is_set():
            self._run_orders()
            try:
                done.result(POLL_S / 10)
                return
            except TimeoutError:
                if done.done():
                    raise


async def _awaited(work: Awaitable[None]) -> None:
    await work
