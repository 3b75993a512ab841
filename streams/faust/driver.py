"""Faust's consumer on librdkafka, used by every agent (docs/adr says why).

Faust's own driver runs aiokafka in a second event loop and takes about ten tasks to carry one record over: 2.0 ms of
CPU and 4.1 ms of latency for an event that comes alone (measured, 50 events/s), and its fetch settings cannot be set.
Here a thread polls and drains, one wake-up of the loop carries a whole batch, and records go straight to the stream.
What Faust does with offsets, acknowledgements, rebalances and commits is unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Message
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from infra.crash_points import crash_point
from infra.runtime.metrics import ConsumerMetrics, bound
from streams.faust.poller import Poller
from streams.progress import Offsets, Place, Progress
from topics.errors import LogUnavailable

_held_full = bound("agents.held")

MAX_HELD = 2000
HELD_PAUSE_S = 0.05


class NotForAgents(Exception):
    """Something of Faust was used that agents here do without: tables, topics of Faust's making, RPC."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by this transport: agents keep no state in Faust")


class GroupConsumer(FaustConsumer):  # type: ignore[misc]  # Faust ships no types
    """Faust's consumer over a Poller."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._poller: Poller | None = None
        self._metrics = ConsumerMetrics(f"streams.{self.app.verbatim_name}")
        self._batches: deque[tuple[int, list[Message]]] = deque()
        self._held: dict[TP, list[Message]] = {}
        self._arrived = asyncio.Event()
        self._epoch = 0
        self._started_at: Offsets = {}
        self._untouched = False
        self._ends: dict[TP, int] = {}
        self._assigned: set[TP] = set()
        self._ends_at_assignment: dict[Place, int] = {}
        self._read: dict[Place, int] = {}
        self._acknowledged: dict[Place, int] = {}
        self.was_assigned = False
        self._to_commit = asyncio.Event()

    # Service

    def _require(self) -> Poller:
        assert self._poller is not None  # noqa: S101 - Faust subscribes before it uses a consumer
        return self._poller

    async def on_stop(self) -> None:
        await super().on_stop()
        if self._poller is not None:
            await self._poller.aclose()

    def close(self) -> None:
        """Called instead of a rebalance when stopping; `on_stop` does what there is to do."""

    @FaustConsumer.task  # type: ignore[untyped-decorator]  # Faust ships no types
    async def _commit_handler(self) -> None:
        """Faust's own, but without a timer while nothing is acknowledged."""
        while not self.should_stop:
            await self._to_commit.wait()
            await self.sleep(self.commit_interval)
            self._to_commit.clear()
            await self.commit()

    @FaustConsumer.task  # type: ignore[untyped-decorator]  # Faust ships no types
    async def _commit_livelock_detector(self) -> None:
        """Nothing: streams.faust.health watches lag and commits."""

    # Receiver

    async def revoked(self, places: set[Place], *, lost: bool) -> None:
        if not lost:
            # Faust forgets what is acknowledged and not committed before it commits.
            await self.commit()
        self.app.on_rebalance_start()
        await self.on_partitions_revoked({TP(*place) for place in places})
        self._assigned.difference_update(TP(*place) for place in places)

    async def assigned(self, epoch: int, offsets: Offsets) -> None:
        self._forget(epoch)
        self._started_at = offsets
        self._untouched = True
        self._read, self._acknowledged = {}, {}
        self._ends_at_assignment = {}
        self._assigned = {TP(*place) for place in offsets}
        self.app.consumer_generation_id = epoch
        if not self.app.rebalancing:
            self.app.on_rebalance_start()
        await self.on_partitions_assigned(set(self._assigned), epoch)
        self.was_assigned = True
        self.add_future(self._note_ends(epoch))

    async def _note_ends(self, epoch: int) -> None:
        with contextlib.suppress(LogUnavailable):
            bounds = await self._require().bounds({(tp.topic, tp.partition) for tp in self._assigned})
            if epoch == self.app.consumer_generation_id:
                self._ends_at_assignment = {place: end for place, (_, end) in bounds.items()}

    def maybe_repeat(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the record was in the log when the partition came to us, so that another may have handled it."""
        end = self._ends_at_assignment.get((topic, partition))
        return end is None or offset < end

    def rewound(self, epoch: int) -> None:
        self._forget(epoch)

    def batch(self, epoch: int, messages: list[Message]) -> None:
        self._metrics.batch(len(messages))
        self._batches.append((epoch, messages))
        self._arrived.set()

    def _forget(self, epoch: int) -> None:
        self._epoch = epoch
        self._held.clear()

    # What Faust asks of a consumer

    async def subscribe(self, topics: Any) -> None:
        if self._poller is not None:
            raise NotForAgents("a second subscription")
        self._poller = Poller(self.transport.client_properties(), sorted(topics), self, self._metrics)
        self._poller.start()
        self.add_future(self._end_with(self._poller))

    async def _end_with(self, poller: Poller) -> None:
        try:
            await poller.failed()
        except Exception as error:  # whatever ended the reading ends the process
            await self.app.end(error)

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        if not self._untouched:
            self._started_at = await self._require().committed({(tp.topic, tp.partition) for tp in self._assigned})
            await self._require().rewind(self._epoch, self._started_at)
            self._untouched = True
        return {TP(*place): offset for place, offset in self._started_at.items()}

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[Message]]:
        """Records of active partitions, as soon as there are any; others are held back, in their order."""
        active = active_partitions or set()
        found = {tp: self._held.pop(tp) for tp in [tp for tp in self._held if tp in active]}
        if not found:
            if not self._batches:
                self._arrived.clear()
                with contextlib.suppress(TimeoutError):
                    # What is held back may be active by the next call. Whoever stops Faust's fetcher cancels this.
                    async with asyncio.timeout(timeout if self._held else None):
                        await self._arrived.wait()
            if sum(map(len, self._held.values())) > MAX_HELD:
                _held_full()
                await asyncio.sleep(HELD_PAUSE_S)
            elif self._batches:
                epoch, messages = self._batches.popleft()
                self._require().free()
                if epoch == self._epoch:
                    self._sort(messages, active, found)
        if found:
            self._untouched = False
        return found

    def _sort(self, messages: list[Message], active: set[TP], found: dict[TP, list[Message]]) -> None:
        for message in messages:
            tp = TP(message.topic() or "", message.partition() or 0)
            self._ends[tp] = (message.offset() or 0) + 1
            (found if tp in active and tp not in self._held else self._held).setdefault(tp, []).append(message)

    async def _drain_messages(self, fetcher: Any) -> None:
        # As Faust's own, without the four tasks a record that it spends on watching for a stop: a queue that is never
        # full (see broker_max_poll_records) and an active flow never block.
        try:
            while not (self._stopped.is_set() or fetcher.should_stop):
                async for tp, message in self.getmany(timeout=1.0):
                    read = self._read_offset[tp]
                    if read is not None and message.offset < read:
                        continue
                    if read and message.offset - read > 1:
                        # Offsets that hold no record (retention) must not stop the commits.
                        await self._add_gap(tp, read + 1, message.offset - 1)
                    if self.app.flow_control.is_active():
                        await self.callback(message)
                    else:
                        await self.wait_first(self.callback(message), self.suspend_flow.wait())
                    self._read_offset[tp] = message.offset
                    self._read[tp.topic, tp.partition] = message.offset + 1
                if not self._batches:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    def _to_message(self, tp: TP, record: Message) -> Any:
        kind, milliseconds = record.timestamp()
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset(),
            milliseconds / 1000,
            kind,
            record.headers() or [],
            record.key(),
            record.value(),
            None,
            None,
            None,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust takes an offset for committed also when the commit failed; the poller asks for it again.
        crash_point("stream.before_commit")
        taken = await self._require().commit({(tp.topic, tp.partition): offset for tp, offset in offsets.items()})
        if taken:
            crash_point("stream.after_commit")
        return taken

    def assignment(self) -> set[TP]:
        return set(self._assigned)

    def highwater(self, tp: TP) -> int:
        return self._ends.get(tp, 0)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The partitions' ends, asked of the broker now. Raises LogUnavailable."""
        bounds = await self._require().bounds({(tp.topic, tp.partition) for tp in partitions})
        return {TP(*place): end for place, (_, end) in bounds.items()}

    # What Faust asks for the sake of tables, topics it makes and RPC; none of them exists here.

    async def _seek(self, partition: TP, offset: int) -> None:
        raise NotForAgents("seek")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        raise NotForAgents("seek_wait")

    async def position(self, tp: TP) -> int | None:
        raise NotForAgents("position")

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        raise NotForAgents("earliest_offsets")

    async def create_topic(self, topic: str, *settings: Any, **more: Any) -> None:
        raise NotForAgents(f"create_topic {topic}")

    def topic_partitions(self, topic: str) -> int | None:
        raise NotForAgents("topic_partitions")

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        raise NotForAgents("key_partition")

    # Health

    async def progress(self) -> dict[Place, Progress]:
        """How far each assigned partition is. Raises LogUnavailable."""
        places = {(tp.topic, tp.partition) for tp in self._assigned}
        found, committed = {}, self._require().taken
        for place, (low, end) in (await self._require().bounds(places)).items():
            start = self._started_at.get(place)
            first = low if start is None else max(start, low)
            found[place] = Progress(
                end,
                self._read.get(place, first),
                self._acknowledged.get(place, first),
                committed.get(place, first),
            )
        self._metrics.lag({place: seen.end - seen.committed for place, seen in found.items()})
        return found

    def ack(self, message: Any) -> bool:
        taken: bool = super().ack(message)
        self._to_commit.set()
        if taken:
            self._acknowledged[message.topic, message.partition] = message.offset + 1
        return taken
