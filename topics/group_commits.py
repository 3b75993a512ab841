"""Commits of one member of a consumer group, each one checked: an offset counts as committed once the broker said so.

One that the broker did not take is asked for again, until a later one stands in its place or the partition is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.clock import monotonic_s
from infra.logging import get_logger
from topics.cuts import TopicPartition as Place
from topics.errors import FatalLogError

AGAIN_S = 0.5
"""How long after a refusal the next commit is asked for."""

_ZOMBIE = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS})
_log = get_logger(__name__)


class Answers(Protocol):
    """Who counts what the broker said."""

    def commit(self, *, taken: bool) -> None: ...


class GroupCommits:
    """`want` and `forget` may be called from any thread, the rest from the one that polls the consumer.

    Give `answered` to the consumer as its `on_commit`.
    """

    def __init__(self, answers: Answers, clock: Callable[[], float] = monotonic_s) -> None:
        self._answers = answers
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[Place, int] = {}
        self._asked: dict[Place, int] = {}
        self._taken: dict[Place, int] = {}
        self._again_at_s = 0.0
        self._failure: FatalLogError | None = None

    def want(self, offsets: Mapping[Place, int]) -> None:
        """From now on these offsets are to be committed, instead of earlier ones of their partitions."""
        with self._lock:
            for place, offset in offsets.items():
                if self._taken.get(place) != offset:
                    self._due[place] = offset
                else:
                    self._due.pop(place, None)

    def forget(self, places: Iterable[Place]) -> None:
        """These partitions are another member's: nothing of them is committed any more."""
        with self._lock:
            for place in places:
                for kept in (self._due, self._asked, self._taken):
                    kept.pop(place, None)

    @property
    def committed(self) -> dict[Place, int]:
        """What the broker has taken from this member of the partitions it has now."""
        with self._lock:
            return dict(self._taken)

    def commit(self, consumer: Consumer, *, wait: bool = False, before: Callable[[], None] | None = None) -> bool:
        """Ask for what is due, if anything is; `before` is called then. Whether something was asked for.

        Without `wait` the answer comes by `answered`. Raises FatalLogError once this member was fenced.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if not wait and self._clock() < self._again_at_s:
                return False
            due = {p: offset for p, offset in self._due.items() if wait or self._asked.get(p) != offset}
            self._asked |= due
        if not due:
            return False
        if before is not None:
            before()
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in due.items()]
        try:
            if wait:
                # It raises only if none was taken; of some the answer tells partition by partition.
                self.answered(None, consumer.commit(offsets=places, asynchronous=False) or places)
            else:
                consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            self._answer(due, error.args[0])
        if self._failure is not None:
            raise self._failure
        return True

    def answered(self, error: KafkaError | None, places: Iterable[TopicPartition]) -> None:
        """What the broker said of a commit. Never raises: the next `commit` does."""
        taken: dict[Place, int] = {}
        for place in places:
            said, offset = error or place.error, {(place.topic, place.partition): place.offset}
            if said is None:
                taken |= offset
            else:
                self._answer(offset, said)
        if taken:
            self._answer(taken, None)

    def _answer(self, offsets: Mapping[Place, int], error: KafkaError | None) -> None:
        self._answers.commit(taken=error is None)
        with self._lock:
            for place, offset in offsets.items():
                if self._asked.get(place) == offset:
                    del self._asked[place]
                elif error is None:
                    continue  # a later one is under way, or the partition is gone
                # A zombie's commits are never repeated: after its rejoin they would succeed, for others' partitions.
                if (error is None or error.code() in _ZOMBIE) and self._due.get(place) == offset:
                    del self._due[place]
                if error is None:
                    self._taken[place] = offset
            if error is None:
                return
            self._again_at_s = self._clock() + AGAIN_S
            if error.fatal() or error.code() == KafkaError.FENCED_INSTANCE_ID:
                self._failure = FatalLogError(f"this member was fenced: {error.str()}")
        _log.warning("a commit was not taken", reason=error.str())
