"""A consumer group member in a thread of its own, drained in batches into Faust's event loop.

Faust takes every rebalance for an eager one: all partitions go, then all come. So a batch belongs to one epoch as a
whole: what an older epoch read is read again, and the receiver drops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from infra.runtime.bridge import NotDone
from infra.runtime.metrics import bound
from streams.progress import Offsets, Place
from topics.clients import open_admin, open_consumer
from topics.errors import LogError, LogUnavailable
from topics.group_commits import Answers
from topics.group_reader import ANSWER_S
from topics.loop_reader import LoopReader

POLL_S = 0.5
"""How long a commit may wait for a record. While records come, no poll lasts so long."""
MAX_RECORDS = 500
BATCHES_AHEAD = 2
REBALANCE_S = 600.0
"""How long the receiver may take for partitions that come or go: longer than any handler tries again."""

_not_taken = bound("agents.batches_ahead")
_MEMBERSHIP = ("group.", "partition.", "session.", "heartbeat.", "enable.", "auto.", "fetch.", "queued.")


class Receiver(Protocol):
    """Who gets the batches; every method runs on the event loop."""

    async def revoked(self, places: set[Place], *, lost: bool) -> None:
        """Partitions go; or, if `lost`, are another member's already, and nothing of them can be committed."""
        ...

    async def assigned(self, epoch: int, offsets: Offsets) -> None: ...

    def rewound(self, epoch: int) -> None: ...

    def batch(self, epoch: int, messages: list[Message]) -> None: ...


class Poller:
    """`free()` must be called once for every batch received: BATCHES_AHEAD are read ahead, no more."""

    def __init__(
        self, properties: Mapping[str, str], topics: Sequence[str], receiver: Receiver, answers: Answers
    ) -> None:
        """`answers` counts commits."""
        self._properties = properties
        self._admin: AdminClient | None = None
        self._receiver = receiver
        self._reader = LoopReader(
            lambda on_commit: open_consumer({**properties, "on_commit": on_commit}),
            topics,
            self,
            answers,
            name="poller",
            most=MAX_RECORDS,
            poll_s=POLL_S,
            ahead=BATCHES_AHEAD,
            waited=_not_taken,
        )

    def start(self) -> None:
        """Join the group. Once."""
        self._reader.start()

    def free(self) -> None:
        """One batch has been taken."""
        self._reader.free()

    async def failed(self) -> None:
        """Wait until reading can go on no more; raises what ended it."""
        await self._reader.failed()

    async def aclose(self) -> None:
        """Commit what is due and leave (a static member stays in its group until its session ends)."""
        await self._reader.aclose()

    async def committed(self, places: set[Place]) -> Offsets:
        """What the group has committed. Raises LogUnavailable."""
        return await self._reader.order(lambda: self._reader.group.committed(places))

    async def rewind(self, epoch: int, offsets: Offsets) -> None:
        """Read on from `offsets`, which name the whole assignment of `epoch`; nothing if that is over.

        Batches read before carry an older epoch than those read after. Raises LogUnavailable.
        """

        def read_again() -> None:
            if epoch == self._reader.group.epoch:
                self._read_from(offsets)

        await self._reader.order(read_again)

    async def commit(self, offsets: Mapping[Place, int]) -> bool:
        """Commit, and whether the broker took it. What it refused is asked for again later, while it is ours."""
        group = self._reader.group

        def commit() -> bool:
            group.commits.want(offsets)
            group.commit(wait=True)
            taken = group.commits.committed
            return all(taken.get(place) == offset for place, offset in offsets.items())

        try:
            return await self._reader.order(commit)
        except LogError:
            return False

    @property
    def taken(self) -> Mapping[Place, int]:
        """What the broker has taken from this member, of the partitions it has now."""
        return self._reader.group.commits.committed

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

    # What the reader tells (LoopUser).

    def on_batch(self, epoch: int, batch: list[Message]) -> None:
        self._receiver.batch(epoch, batch)

    def on_torn(self, batch: list[Message]) -> list[Message]:
        """Nothing: which part of it is new cannot be told, so all is read again from the commits."""
        self._read_from(self._reader.group.committed(self._reader.group.assigned()))
        return []

    def on_assigned(self, places: list[Place]) -> Offsets:
        epoch, offsets = self._reader.group.epoch, self._reader.group.committed(places)
        self._heard(lambda: self._receiver.assigned(epoch, offsets))
        return offsets

    def on_revoked(self, places: list[Place]) -> None:
        self._heard(lambda: self._receiver.revoked(set(places), lost=False))

    def on_lost(self, places: list[Place]) -> None:
        self._heard(lambda: self._receiver.revoked(set(places), lost=True))

    def _heard(self, told: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._reader.is_stopping:
            return
        try:
            self._reader.ask(told, within_s=REBALANCE_S)
        except NotDone:
            if not self._reader.is_stopping:
                raise

    def _read_from(self, offsets: Offsets) -> None:
        self._reader.read_from(offsets)
        self._reader.tell(self._receiver.rewound, self._reader.group.epoch)
