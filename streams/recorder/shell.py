"""The recorder's work: reads token-chunks, writes outcomes, lets be committed up to the oldest open generation.

It runs in a batch shell, which fetches lazily: nobody waits for an outcome by the millisecond.

A record that cannot be read goes to dead-letters, and on. One of a newer release stops the process, un-acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from functools import partial

from confluent_kafka import Message
from prometheus_client import Gauge

from infra.crash_points import crash_point
from infra.exits import tell_newer
from infra.lifesign import LifeSign
from infra.logging import get_logger
from infra.runtime.metrics import ConsumerMetrics
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import SealedContent, plain
from schemas.generation import GenerationEnded, TokenChunk
from streams.batch_shell import BatchShell
from streams.recorder.lookback import first_ends
from streams.recorder.partition import DOUBT, PartitionState
from streams.recorder.writing import Writing
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.clients import open_producer
from topics.dead_letters import PoisonRun
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of
from topics.set_aside import is_set_aside

GROUP = "verbatim-recorder"
FLUSH_S = 10.0
OPEN_GENERATIONS = Gauge("verbatim_recorder_open_generations", "Generations whose end has not been read.")
_log = get_logger(__name__)


class Recorder:
    """Runs until `stop` is set. Any error it cannot mend is raised: the process ends and is started again."""

    def __init__(self, properties: Mapping[str, str], topics: Catalogue, instance: str | None) -> None:
        self._properties = properties
        self._layout = topics[TOKEN_CHUNKS].layout
        self._metrics = ConsumerMetrics("streams.recorder")
        self.shell = BatchShell(self, properties, TOKEN_CHUNKS, GROUP, instance, self._metrics)
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
        self._poison = PoisonRun()
        self._metrics.limits(lambda: self._poison.in_a_row, self._poison.most)
        OPEN_GENERATIONS.set_function(lambda: sum(state.open_count for state in tuple(self._partitions.values())))

    def run(self, stop: threading.Event, sign: LifeSign) -> None:
        """Record until told to stop. Raises as `BatchShell.run`."""
        self.shell.run(stop, sign)

    # -- what the shell asks (BatchWork) -----------------------------------------------------------------------------

    def look(self) -> None:
        self._writing.look()

    def flush(self) -> None:
        self._producer.flush(FLUSH_S)

    def committable(self) -> dict[int, int]:
        return {partition: state.committable for partition, state in self._partitions.items()}

    def before_commit(self) -> None:
        crash_point("recorder.before_commit")

    def after_commit(self) -> None:
        crash_point("recorder.after_commit")

    def forget(self, partitions: Collection[int]) -> None:
        for partition in partitions:
            self._doubtful.pop(partition, None)
            self._partitions.pop(partition, None)

    def take(self, message: Message) -> None:
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
            if is_set_aside(self._properties, TOKEN_CHUNKS, partition, offset, at_ms, self.shell.breathe):
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

    def settle(self) -> None:
        """Find out which of the ends in doubt were the first of their generations, and record those."""
        while self._doubtful:
            partition, messages = self._doubtful.popitem()
            state = self._partitions[partition]
            read = {offset: self._decode(message.value()) for offset, message in messages.items()}
            doubtful = {offset: end for offset, end in read.items() if isinstance(end, GenerationEnded)}
            found = first_ends(
                self._properties, self._layout.epoch_of(partition), partition, doubtful, self.shell.breathe
            )
            for offset, message in messages.items():
                fold = found.get(offset)
                if fold is None:
                    state.recorded(offset)
                else:
                    self._record(fold, message, state)
                self.shell.breathe()

    def _park(self, message: Message, state: PartitionState, error: Exception) -> None:
        offset = message.offset() or 0
        state.parked(offset)
        self._writing.letter(message, error, partial(state.recorded, offset))
        _log.error("parked in dead-letters", partition=message.partition(), offset=offset, error=type(error).__name__)
        self._metrics.parked()
        self._poison.poison(f"{TOKEN_CHUNKS}/{message.partition()}/{offset}", error)
