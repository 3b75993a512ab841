"""consume → take → settle → commit: the shell of work that follows a topic in batches, in a plain thread.

    batch ──take──▶ … ──settle──▶ written ──acknowledged──▶ committable ──▶ committed, once the broker said so

Between the records of a batch, and wherever the work waits, it gives signs of life and commits what is done, so that
neither a large batch nor a long look back is taken for a hang, or done again from its beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from confluent_kafka import Message, TopicPartition

from infra.clock import monotonic_s
from infra.lifesign import LifeSign
from infra.runtime.metrics import ConsumerMetrics
from schemas.codec import NewerRecord
from streams.stalling import StallWatch
from topics.consumer import group_consumer
from topics.cuts import TopicPartition as Place
from topics.errors import TooMuchPoison
from topics.group_reader import GroupReader

COMMIT_EVERY_S = 0.5
BREATH_S = 0.25
MAX_BATCH = 2000
POLL_S = 0.2


class BatchWork(Protocol):
    """What a shell runs; every method is called in its thread. What it raises ends the process.

    TooMuchPoison and NewerRecord do so in order: what was taken before is settled, flushed and committed.
    """

    def take(self, message: Message) -> None:
        """Take one record, in the order of its partition."""

    def settle(self) -> None:
        """See to what of the batch was put off until its end."""

    def look(self) -> None:
        """Take acknowledgements. Raises FatalLogError when something cannot be written any more."""

    def flush(self) -> None:
        """Wait, within bounds, until what was written is acknowledged."""

    def committable(self) -> Mapping[int, int]:
        """By partition, the offset from which a restart must read."""

    def forget(self, partitions: Collection[int]) -> None:
        """These partitions are another member's now."""

    def before_commit(self) -> None: ...

    def after_commit(self) -> None: ...


class BatchShell:
    """One member of a consumer group on one topic. `run` it once."""

    def __init__(
        self,
        work: BatchWork,
        properties: Mapping[str, str],
        topic: str,
        group: str,
        instance: str | None,
        metrics: ConsumerMetrics,
    ) -> None:
        self._work = work
        self._topic = topic
        self._metrics = metrics
        self.reader = GroupReader(
            lambda on_commit: group_consumer(properties, group, instance, lazy=True, on_commit=on_commit),
            [topic],
            self,
            metrics,
            most=MAX_BATCH,
            poll_s=POLL_S,
        )
        self._is_member = False
        self._watch = StallWatch(monotonic_s)
        self.sign = LifeSign(None)
        self._breath_at_s = 0.0
        self._commit_at_s = monotonic_s() + COMMIT_EVERY_S

    def run(self, stop: threading.Event, sign: LifeSign) -> None:
        """Work until told to stop. Raises LogError when the log cannot be read or written any more, NewerRecord at a
        record of a newer release."""
        self.sign = sign
        self.reader.run(stop)

    def handle(self, batch: Sequence[Message]) -> None:
        """Take a batch; between its records, and while the work waits, commit and give signs of life."""
        if batch:
            self._metrics.batch(len(batch))
            self._metrics.handled(len(batch))
        try:
            for message in batch:
                self._watch.read(self._topic, message.partition() or 0, message.offset() or 0)
                self._work.take(message)
                self.breathe()
        except (TooMuchPoison, NewerRecord):
            self._work.settle()  # what stands before the record that stops this process is done
            raise
        self._work.settle()
        self.breathe(at_once=True)

    def breathe(self, *, at_once: bool = False) -> None:
        """Look, commit and beat where it is time to. Cheap: call it wherever the work may take long."""
        now_s = monotonic_s()
        if now_s < self._breath_at_s and not at_once:
            return
        self._breath_at_s = now_s + BREATH_S
        self._work.look()
        if now_s >= self._commit_at_s:
            self._commit()
            self._commit_at_s = monotonic_s() + COMMIT_EVERY_S
        if self._is_member:
            self.sign.beat()

    def end(self) -> None:
        """Finish what was taken, and commit it."""
        self._work.flush()
        self._work.look()
        self._work.flush()
        self._commit(wait=True)

    def _commit(self, *, wait: bool = False, partitions: Collection[int] | None = None) -> None:
        committable = self._work.committable()
        self.reader.commits.want(
            {
                (self._topic, partition): offset
                for partition, offset in committable.items()
                if partitions is None or partition in partitions
            }
        )
        if self.reader.commit(wait=wait, before=self._work.before_commit):
            self._work.after_commit()
        self._metrics.lag(
            {(self._topic, partition): max(self._end_of(partition) - at, 0) for partition, at in committable.items()}
        )

    def _end_of(self, partition: int) -> int:
        """The end of a partition as the last fetch knew it."""
        return self.reader.consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)[1]

    # -- what the reader tells (Listener) ----------------------------------------------------------------------------

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        self.handle(batch)
        if batch:
            self._watch.busy()
        else:
            self._watch.quiet(self.reader, self.reader.consumer)

    def on_assigned(self, places: list[Place]) -> None:
        self._is_member = True
        self._watch.came(places)

    def on_revoked(self, places: list[Place]) -> None:
        gone = [partition for _, partition in places]
        self._work.flush()
        self._commit(wait=True, partitions=gone)
        self._work.forget(gone)
        self._watch.went(places)

    def on_lost(self, places: list[Place]) -> None:
        self._work.forget([partition for _, partition in places])
        self._watch.lost(places)

    def on_stopping(self) -> None:
        self.end()

    def on_failed(self, error: Exception) -> None:
        if isinstance(error, TooMuchPoison | NewerRecord):
            # What was done before this record is done: the next life begins at it, or behind what it parked.
            self.end()
