"""Writes the recorder's records: outcomes, and dead letters of what cannot become an outcome.

A record that its topic will never take is not written again and again: an outcome is replaced by one without its text
(only a topic whose limit was lowered refuses what `outcome_of` makes), with a letter that says why. Unavailability is
another matter: it ends the process, which begins at the same place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter

from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.runtime.metrics import bound
from schemas.codec import UnencodableRecord
from schemas.outcome import Outcome
from topics.catalogue import DEAD_LETTERS, GENERATION_OUTCOMES, Catalogue
from topics.dead_letters import dead_letter, letter_key
from topics.errors import FatalLogError, RecordRefused
from topics.headers import headers_of
from topics.outcomes import is_unrecordable, without_text
from topics.producer import REFUSALS, log_error
from topics.topic import R, Topic

OUTCOMES = Counter("verbatim_recorder_outcomes_total", "Outcomes that the log has acknowledged.")
_queue_full = bound("recorder.queue")
_CONSUMER = "streams.recorder"
_log = get_logger(__name__)


class Unrecordable(Exception):
    """The reason in the letter of a generation whose outcome does not hold all that the log says of it."""


class Writing:
    """Produces without waiting. `written` of a record is called once all that was made of it is acknowledged.

    Call `look` now and then: what was refused is dealt with there, and what ends the process is raised there.
    """

    def __init__(self, producer: Producer, topics: Catalogue) -> None:
        self._producer = producer
        self._topics = topics
        self._failure: Exception | None = None
        self._refused: deque[Callable[[], None]] = deque()

    def look(self, wait_s: float = 0) -> None:
        """Take acknowledgements. Raises FatalLogError when something cannot be written any more."""
        self._producer.poll(wait_s)
        if self._failure is not None:
            raise self._failure
        while self._refused:
            self._refused.popleft()()

    def outcome(self, outcome: Outcome, message: Message, written: Callable[[], None]) -> None:
        """Record the outcome of the generation that the record in `message` ended."""
        done = written
        if is_unrecordable(outcome):
            done = _both(written)
            self.letter(message, Unrecordable(f"its outcome stands: {outcome.failure.message}"), done)
        self._outcome(outcome, message, done, lambda error: self._without_text(outcome, message, error, done))

    def letter(self, message: Message, error: Exception, written: Callable[[], None]) -> None:
        """Put the record in `message` into dead-letters."""
        letter = dead_letter(message, _CONSUMER, error, message.timestamp()[1] * 1000)

        def refused(failure: Exception) -> None:
            _log.error("the log refused a dead letter; this line is the only trace of it", reason=str(failure))
            written()

        self._produce(DEAD_LETTERS, letter_key(message.key()), letter, written, refused)

    def _outcome(
        self, outcome: Outcome, message: Message, written: Callable[[], None], refused: Callable[[Exception], None]
    ) -> None:
        def acknowledged() -> None:
            crash_point("recorder.after_outcome_acknowledged")
            OUTCOMES.inc()
            written()

        self._produce(GENERATION_OUTCOMES, outcome.turn.conversation_id, outcome, acknowledged, refused)

    def _without_text(self, outcome: Outcome, message: Message, error: Exception, written: Callable[[], None]) -> None:
        _log.error("an outcome was refused, it is recorded without its text", reason=str(error))
        done = _both(written)
        self.letter(message, error, done)
        # If even that is refused, the letter is all there is.
        self._outcome(without_text(outcome), message, done, lambda _: done())

    def _produce(
        self,
        topic: Topic[R],
        key: str,
        record: R,
        written: Callable[[], None],
        refused: Callable[[Exception], None],
    ) -> None:
        """`refused` is called by `look`, not from within the producer."""

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                written()
            elif error.code() in REFUSALS:
                self._refused.append(partial(refused, log_error(error)))
            else:
                self._failure = FatalLogError(f"{topic} does not take a record: {error.str()}")

        try:
            value = topic.bytes_of(record)
        except UnencodableRecord as error:
            self._refused.append(partial(refused, error))
            return
        partition, headers = self._topics.partition(topic, key), headers_of(record)
        while True:
            try:
                self._producer.produce(topic, value, key.encode(), partition, on_delivery=delivered, headers=headers)
                return
            except BufferError:
                _queue_full()
                # Bounded: every poll waits for acknowledgements, and an outage ends in `delivered` with an error.
                self._producer.poll(1.0)
                if self._failure is not None:
                    raise self._failure from None
            except KafkaException as error:
                found = log_error(error.args[0])
                if not isinstance(found, RecordRefused):
                    raise FatalLogError(f"{topic} does not take a record: {error.args[0].str()}") from error
                self._refused.append(partial(refused, found))
                return


def _both(written: Callable[[], None]) -> Callable[[], None]:
    """What to call twice for `written` to be called once."""
    calls = iter((lambda: None, written))
    return lambda: next(calls)()
