"""The recorder's batch shell: reads token-chunks, writes outcomes, commits up to the oldest open generation.

A plain thread without an event loop; fetches lazily, since nobody waits for an outcome by the millisecond.

A record that cannot be read goes to dead-letters, and on. One of a newer release stops the process, un-acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial

from confluent_kafka import Consumer, Message, TopicPartition
from prometheus_client import Gauge

from infra.clock import monotonic_s
from infra.crash_points import crash_point
from infra.exits import tell_newer
from infra.lifesign import LifeSign
from infra.logging import get_logger
from infra.runtime.metrics import ConsumerMetrics
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import SealedContent, plain
from schemas.generation import GenerationEnded, TokenChunk
from streams.recorder.lookback import first_ends
from streams.recorder.partition import DOUBT, PartitionState
from streams.recorder.writing import Writing
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.clients import open_producer
from topics.consumer import group_consumer, next_batch
from topics.dead_letters import PoisonRun
from topics.errors import TooMuchPoison
from topics.generation_fold import GenerationFold
from topics.group_commits import GroupCommits
from topics.outcomes import outcome_of
from topics.set_aside import is_set_aside

GROUP = "verbatim-recorder"
COMMIT_EVERY_S = 0.5
BREATH_S = 0.25
FLUSH_S = 10.0
MAX_BATCH = 2000
OPEN_GENERATIONS = Gauge("verbatim_recorder_open_generations", "Generations whose end has not been read.")
_log = get_logger(__name__)


class Recorder:
    """Runs until `stop` is set. Any error it cannot mend is raised: the process ends and is started again."""

    def __init__(self, properties: Mapping[str, str], topics: Catalogue, instance: str | None) -> None:
        self._properties = properties
        self._layout = topics[TOKEN_CHUNKS].layout
        self._metrics = ConsumerMetrics("streams.recorder")
        self._commits = GroupCommits(self._metrics)
        self._consumer: Consumer = group_consumer(
            properties, GROUP, instance, lazy=True, on_commit=self._commits.answered
        )
        self._producer = open_producer(
            {
                **properties,
                "client.id": GROUP,
                "enable.idempotence": "true",
                "acks": "all",
                "linger.ms": "1",
                "message.max.bytes": str(9 * 1024 * 1024),
                "message.timeout.ms": "60000",
            }
        )
        self._writing = Writing(self._producer, topics)
        self._decode = TOKEN_CHUNKS.decode
        self._partitions: dict[int, PartitionState] = {}
        self._doubtful: dict[int, dict[int, Message]] = {}
        self._is_member = False
        self._poison = PoisonRun()
        self._metrics.limits(lambda: self._poison.in_a_row, self._poison.most)
        OPEN_GENERATIONS.set_function(lambda: sum(state.open_count for state in tuple(self._partitions.values())))
        self._sign = LifeSign(None)
        self._breath_at_s = 0.0
        self._commit_at_s = monotonic_s() + COMMIT_EVERY_S

    def run(self, stop: threading.Event, sign: LifeSign) -> None:
        """Record until told to stop. Raises LogError when the log cannot be read or written any more, NewerRecord at a
        record of a newer release."""
        self._sign = sign
        self._consumer.subscribe(
            [TOKEN_CHUNKS], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not stop.is_set():
                self.handle(next_batch(self._consumer, MAX_BATCH, 0.2))
            self._end()
        except (TooMuchPoison, NewerRecord):
            # What was done before this record is done: the next life begins at it, or behind what it parked.
            self._end()
            raise
        finally:
            self._consumer.close()

    def handle(self, batch: Sequence[Message]) -> None:
        """Take a batch; between its records, and while the log is searched for it, commit and give signs of life."""
        if batch:
            self._metrics.batch(len(batch))
            self._metrics.handled(len(batch))
        try:
            for message in batch:
                self._take(message)
                self._breathe()
        except (TooMuchPoison, NewerRecord):
            self._settle()  # what stands before the record that stops this process is recorded
            raise
        self._settle()
        self._breathe(at_once=True)

    def _breathe(self, *, at_once: bool = False) -> None:
        now_s = monotonic_s()
        if now_s < self._breath_at_s and not at_once:
            return
        self._breath_at_s = now_s + BREATH_S
        self._writing.look()
        if now_s >= self._commit_at_s:
            self._commit()
            self._commit_at_s = monotonic_s() + COMMIT_EVERY_S
        if self._is_member:
            self._sign.beat()

    def _end(self) -> None:
        self._producer.flush(FLUSH_S)
        self._writing.look()
        self._producer.flush(FLUSH_S)
        self._commit(wait=True)

    def _take(self, message: Message) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0
        state = self._partitions.get(partition)
        if state is None:
            state = self._partitions[partition] = PartitionState(self._layout.epoch_of(partition), partition, offset)
        try:
            record = self._decode(message.value())
            if type(record) is TokenChunk and type(record.delta) is not str:
                plain(record.delta)
            ended = state.apply(record, offset)
        except NewerRecord as error:
            at_ms = message.timestamp()[1]
            if is_set_aside(self._properties, TOKEN_CHUNKS, partition, offset, at_ms, self._breathe):
                _log.warning("skipped: an operator has set it aside", partition=partition, offset=offset)
                state.passed(offset)
                return
            tell_newer(_log, error, TOKEN_CHUNKS, partition, offset)
            raise
        except (UndecodableRecord, SealedContent) as error:
            self._park(message, state, error)
            return
        self._poison.good()
        if ended is DOUBT:
            self._doubtful.setdefault(partition, {})[offset] = message
        elif isinstance(ended, GenerationFold):
            self._record(ended, message, state)

    def _record(self, ended: GenerationFold, message: Message, state: PartitionState) -> None:
        crash_point("recorder.before_outcome")
        self._writing.outcome(outcome_of(ended), message, partial(state.recorded, message.offset() or 0))
        crash_point("recorder.after_outcome_fired")

    def _settle(self) -> None:
        """Find out which of the ends in doubt were the first of their generations, and record those."""
        while self._doubtful:
            partition, messages = self._doubtful.popitem()
            state = self._partitions[partition]
            read = {offset: self._decode(message.value()) for offset, message in messages.items()}
            doubtful = {offset: end for offset, end in read.items() if isinstance(end, GenerationEnded)}
            found = first_ends(self._properties, self._layout.epoch_of(partition), partition, doubtful, self._breathe)
            for offset, message in messages.items():
                fold = found.get(offset)
                if fold is None:
                    state.recorded(offset)
                else:
                    self._record(fold, message, state)
                self._breathe()

    def _park(self, message: Message, state: PartitionState, error: Exception) -> None:
        offset = message.offset() or 0
        state.parked(offset)
        self._writing.letter(message, error, partial(state.recorded, offset))
        _log.error("parked in dead-letters", partition=message.partition(), offset=offset, error=type(error).__name__)
        self._metrics.parked()
        self._poison.poison(f"{TOKEN_CHUNKS}/{message.partition()}/{offset}", error)

    def _commit(self, *, wait: bool = False, partitions: list[int] | None = None) -> None:
        self._commits.want(
            {
                (TOKEN_CHUNKS, partition): state.committable
                for partition, state in self._partitions.items()
                if partitions is None or partition in partitions
            }
        )
        if self._commits.commit(self._consumer, wait=wait, before=lambda: crash_point("recorder.before_commit")):
            crash_point("recorder.after_commit")
        self._metrics.lag(
            {
                (TOKEN_CHUNKS, partition): max(self._end_of(partition) - state.committable, 0)
                for partition, state in self._partitions.items()
            }
        )

    def _end_of(self, partition: int) -> int:
        """The end of a partition as the last fetch knew it."""
        return self._consumer.get_watermark_offsets(TopicPartition(TOKEN_CHUNKS, partition), cached=True)[1]

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._is_member = True

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = [place.partition for place in partitions]
        self._producer.flush(FLUSH_S)
        self._commit(wait=True, partitions=gone)
        self._forget(gone)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget([place.partition for place in partitions])

    def _forget(self, partitions: list[int]) -> None:
        for partition in partitions:
            self._doubtful.pop(partition, None)
            self._partitions.pop(partition, None)
        self._commits.forget([(TOKEN_CHUNKS, partition) for partition in partitions])
