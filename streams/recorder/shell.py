"""The recorder's batch shell: token-chunks in, outcomes out, committed only below the oldest open generation.

A plain thread without an event loop; fetches lazily, since nobody waits for an outcome by the millisecond.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.clock import monotonic_s
from infra.crash_points import crash_point
from infra.lifesign import LifeSign
from infra.logging import get_logger
from schemas.codec import UndecodableRecord, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.envelope import SealedContent
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from schemas.outcome import Outcome
from streams.recorder.partition import DOUBT, PartitionState
from topics.catalogue import DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS, Catalogue
from topics.consumer import group_consumer, next_batch
from topics.dead_letters import dead_letter
from topics.errors import FatalLogError, OutOfRange
from topics.generation_fold import GenerationFold
from topics.headers import headers_of
from topics.outcomes import outcome_of
from topics.scan import fold_generation

GROUP = "verbatim-recorder"
COMMIT_EVERY_S = 0.5
FLUSH_S = 10.0
_MOST = 2000
_GENERATION_TYPES = (TokenChunk, AttemptStarted, AttemptEnded, GenerationEnded)
_log = get_logger(__name__)


class Recorder:
    """Runs until `stop` is set. Any error it cannot mend is raised: the process ends and is started again."""

    def __init__(self, properties: Mapping[str, str], topics: Catalogue, instance: str | None) -> None:
        self._properties = properties
        self._topics = topics
        self._epoch = topics[TOKEN_CHUNKS].epoch
        self._consumer: Consumer = group_consumer(properties, GROUP, instance, lazy=True)
        self._producer = Producer(
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
        self._partitions: dict[int, PartitionState] = {}
        self._committed: dict[int, int] = {}
        self._is_member = False
        self._failure: Exception | None = None

    def run(self, stop: threading.Event, sign: LifeSign) -> None:
        """Record until told to stop. Raises LogError when the log cannot be read or written any more."""
        self._consumer.subscribe(
            [TOKEN_CHUNKS], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            commit_at_s = monotonic_s() + COMMIT_EVERY_S
            while not stop.is_set():
                for message in next_batch(self._consumer, _MOST, 0.2):
                    self._take(message)
                self._producer.poll(0)
                if self._failure is not None:
                    raise self._failure
                if monotonic_s() >= commit_at_s:
                    self._commit()
                    commit_at_s = monotonic_s() + COMMIT_EVERY_S
                if self._is_member:
                    sign.beat()
            self._producer.flush(FLUSH_S)
            self._commit(wait=True)
        finally:
            self._consumer.close()

    def _take(self, message: Message) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0
        state = self._partitions.get(partition)
        if state is None:
            state = self._partitions[partition] = PartitionState(self._epoch, partition, offset)
        try:
            record = decode(message.value())
            if type(record) not in _GENERATION_TYPES:
                raise UndecodableRecord(f"{type(record).__name__} does not belong into {TOKEN_CHUNKS}")
            ended = state.apply(record, offset)
        except (UndecodableRecord, SealedContent) as error:
            self._park(message, state, error)
            return
        if ended is DOUBT:
            ended = self._look_back(record, state, offset)
        if isinstance(ended, GenerationFold):
            outcome = outcome_of(ended)
            crash_point("recorder.before_outcome")
            self._produce(GENERATION_OUTCOMES, outcome.turn.conversation_id, outcome, state, offset)
            crash_point("recorder.after_outcome_fired")

    def _look_back(self, record: GenerationEnded, state: PartitionState, offset: int) -> GenerationFold | None:
        turn = record.turn
        try:
            fold = fold_generation(
                self._properties, TOKEN_CHUNKS, turn.conversation_id, turn.generation_id, turn.tail, offset
            )
        except OutOfRange:
            # It began before what the topic still holds, days past its deadline: a second outcome changes nothing
            # (the first one counts everywhere), and none at all would leave it open for ever.
            fold = GenerationFold()
        return state.resolve(fold, record, offset)

    def _park(self, message: Message, state: PartitionState, error: Exception) -> None:
        offset = message.offset() or 0
        state.parked(offset)
        letter = dead_letter(message, "streams.recorder", error, message.timestamp()[1] * 1000)
        name = (message.key() or b"").decode(errors="replace")
        self._produce(DEAD_LETTERS, name, letter, state, offset)
        _log.error("parked in dead-letters", partition=message.partition(), offset=offset, error=type(error).__name__)

    def _produce(self, topic: str, key: str, record: Outcome | DeadLetter, state: PartitionState, offset: int) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                crash_point("recorder.after_outcome_acknowledged")
                state.recorded(offset)
            else:
                self._failure = FatalLogError(f"{topic} does not take an outcome: {error.str()}")

        partition, value, headers = self._topics.partition(topic, key), encode(record), headers_of(record)
        while True:
            try:
                self._producer.produce(topic, value, key.encode(), partition, on_delivery=delivered, headers=headers)
                return
            except BufferError:
                # Bounded: every poll waits for acknowledgements, and an outage ends in `delivered` with an error.
                self._producer.poll(1.0)
                if self._failure is not None:
                    raise self._failure from None

    def _commit(self, *, wait: bool = False, partitions: list[int] | None = None) -> None:
        wanted = {
            partition: state.committable
            for partition, state in self._partitions.items()
            if (partitions is None or partition in partitions) and state.committable != self._committed.get(partition)
        }
        if not wanted:
            return
        places = [TopicPartition(TOKEN_CHUNKS, partition, offset) for partition, offset in wanted.items()]
        crash_point("recorder.before_commit")
        try:
            if wait:
                self._consumer.commit(offsets=places, asynchronous=False)
            else:
                self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            # A restart reads a little more again, and says the same again.
            _log.warning("commit failed", reason=error.args[0].str())
            return
        crash_point("recorder.after_commit")
        self._committed |= wanted

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
            self._partitions.pop(partition, None)
            self._committed.pop(partition, None)
