"""A group reader in a thread of its own, whose user lives on an event loop.

Batches go to the loop in the order in which they were read, `ahead` of it at most. While the loop takes none, the
thread does what it is ordered and commits what is due; after PATIENCE_S it also polls, with everything paused, so that
the group does not take it for dead. What was read of partitions that go meanwhile is dropped: it is read again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaException, Message

from infra.clock import monotonic_s
from infra.runtime.bridge import HandOver, LoopCalls
from infra.runtime.orders import NoMoreOrders
from topics.consumer import OnCommit
from topics.cuts import TopicPartition as Place
from topics.errors import LogUnavailable
from topics.group_commits import Answers
from topics.group_reader import ANSWER_S, GroupReader, Offsets

PATIENCE_S = 2.0
ROOM_LOOK_S = 0.01
"""How soon a thread that waits for the loop to take a batch does what it is ordered."""

T = TypeVar("T")


class LoopUser(Protocol):
    """Who reads. `on_batch` is called on the loop, the rest in the reader's thread."""

    def on_batch(self, epoch: int, batch: list[Message]) -> None:
        """Records, read under this epoch. Call `LoopReader.free` once they are taken up."""

    def on_torn(self, batch: list[Message]) -> list[Message]:
        """Partitions came or went while this was read, and before which of its records cannot be told. Returns what is
        to be handed over; what is not must be read again."""

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        """As a Listener's."""

    def on_revoked(self, places: list[Place]) -> None:
        """As a Listener's."""

    def on_lost(self, places: list[Place]) -> None:
        """As a Listener's."""


class LoopReader:
    """Made on the loop that takes. `failed` ends with the error after which the process must end."""

    def __init__(
        self,
        open_member: Callable[[OnCommit], Consumer],
        topics: Sequence[str],
        user: LoopUser,
        answers: Answers,
        *,
        name: str,
        most: int,
        poll_s: float,
        ahead: int,
        waited: Callable[[], None],
    ) -> None:
        """`name` is the thread's; `waited` counts batches that the loop did not take within PATIENCE_S."""
        loop = asyncio.get_running_loop()
        self.group = GroupReader(open_member, topics, self, answers, most=most, poll_s=poll_s)
        self._user = user
        self._waited = waited
        self._loop = LoopCalls(loop)
        self._hand_over: HandOver[tuple[int, list[Message]]] = HandOver(loop, self._deliver, most=ahead, held=True)
        self._pending: list[Message] = []
        self._failed: asyncio.Future[None] = loop.create_future()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # On the loop.

    def start(self) -> None:
        """Join the group. Once."""
        self._thread.start()

    def free(self) -> None:
        """One batch has been taken up."""
        self._hand_over.free()

    async def failed(self) -> None:
        """Wait until reading can go on no more; raises what ended it."""
        await asyncio.shield(self._failed)

    async def order(self, work: Callable[[], T]) -> T:
        """Have `work` done by the reading thread. Raises what it raises, LogUnavailable if nothing comes of it."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self.group.orders.add(work)), ANSWER_S)
        except NoMoreOrders as error:
            raise LogUnavailable("the consumer has ended") from error
        except (KafkaException, TimeoutError) as error:
            raise LogUnavailable(f"the consumer did not answer: {error}") from error

    async def aclose(self) -> None:
        """Commit what is due and leave. The partitions of a static member stay its own for a session."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, ANSWER_S)

    # In the reading thread.

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def tell(self, call: Callable[..., object], *arguments: Any) -> None:
        """As `LoopCalls.tell`."""
        self._loop.tell(call, *arguments)

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]], *, within_s: float, also_stopping: bool = False) -> T:
        """As `LoopCalls.ask`, doing what is ordered meanwhile. `also_stopping`: the answer counts after a stop too."""
        stop = None if also_stopping else self._stop
        return self._loop.ask(work, within_s=within_s, meanwhile=self.group.orders.run, stop=stop)

    def read_from(self, offsets: Offsets) -> None:
        """As `GroupReader.read_from`."""
        self._pending = []
        self.group.read_from(offsets)

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        self._pending = self._whole(epoch, batch)
        patient_until_s, has_waited = monotonic_s() + PATIENCE_S, False
        while self._pending and not self._hand_over.has_room(ROOM_LOOK_S):
            if self._stop.is_set():
                return  # it is read again later
            self.group.between_polls()
            if monotonic_s() > patient_until_s:
                if not has_waited:
                    self._waited()
                has_waited = True
                before = self.group.epoch
                late = self._whole(before, self.group.poll_held())
                self._pending = self._pending + late
        if self._pending:
            batch, self._pending = self._pending, []
            self._hand_over.give((self.group.epoch, batch))

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        return self._user.on_assigned(places)

    def on_revoked(self, places: list[Place]) -> None:
        self._drop(places)
        self._user.on_revoked(places)

    def on_lost(self, places: list[Place]) -> None:
        self._drop(places)
        self._user.on_lost(places)

    def on_stopping(self) -> None:
        """Nothing: what is to be committed is wanted by now."""

    def on_failed(self, error: Exception) -> None:
        # Before the client closes, which may ask the loop for its last words.
        self.tell(self._fail, error)

    def _run(self) -> None:
        try:
            self.group.run(self._stop)
        except Exception as error:  # whatever it is: a thread that died silently would look like a quiet topic
            self.tell(self._fail, error)

    def _whole(self, epoch: int, batch: list[Message]) -> list[Message]:
        return self._user.on_torn(batch) if batch and epoch != self.group.epoch else batch

    def _drop(self, places: Iterable[Place]) -> None:
        gone = frozenset(places)
        self._pending = [message for message in self._pending if (message.topic(), message.partition()) not in gone]

    def _deliver(self, read: tuple[int, list[Message]]) -> None:
        self._user.on_batch(*read)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
