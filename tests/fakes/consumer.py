"""confluent_kafka.Consumer as group readers use it, over the fake broker. Its calls block for a millisecond at most.

Like the real one it tells of partitions within a poll, reads assigned partitions from their commits unless told
otherwise, fetches ahead of what it returns, and drops what it fetched of a partition that is paused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from tests.fakes.broker import Fenced, MemoryBroker, MemoryMessage, Place

Told = Callable[[Any, list[TopicPartition]], None]
OnCommit = Callable[[KafkaError | None, list[TopicPartition]], None]
POLL_S = 0.001
FETCHED = 100


class FatalMessage:
    """What a poll of a fenced member returns."""

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._FATAL, "fenced by the broker", True)


class MemoryConsumer:
    """A member of a group. `eager`: all its partitions go and come whenever one does."""

    def __init__(
        self,
        broker: MemoryBroker,
        group: str,
        on_commit: OnCommit,
        *,
        instance: str | None = None,
        eager: bool = False,
        session_s: float = 60.0,
    ) -> None:
        self._broker, self._group, self._instance, self._session_s = broker, group, instance, session_s
        self._on_commit = on_commit
        self._eager = eager
        self._id = ""
        self._topics: list[str] = []
        self._told: dict[str, Told] = {}
        self._next: dict[Place, int] = {}
        self._fetched: list[MemoryMessage] = []
        self._was_told_where = False
        self._answers: list[Callable[[], None]] = []
        self._never = threading.Event()
        self.paused: set[Place] = set()
        self.closed = False
        self.polls = 0
        self.refuse: KafkaError | None = None
        """What a commit is answered with instead."""

    def subscribe(self, topics: list[str], **told: Told) -> None:
        self._topics, self._told = topics, told
        self._join()

    def poll(self, wait_s: float) -> MemoryMessage | FatalMessage | None:
        self.polls += 1
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()
        try:
            self._rebalance()
        except Fenced:
            if self._instance is not None:
                return FatalMessage()
            lost = self._forget(self._next)
            self._told["on_lost"](self, _partitions(lost))
            self._join()
        found = self.consume(1, 0)
        if not found:
            self._never.wait(min(wait_s, POLL_S))
        return found[0] if found else None

    def consume(self, most: int, wait_s: float) -> list[MemoryMessage]:
        self._fetch()
        found, self._fetched = self._fetched[:most], self._fetched[most:]
        return found

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition] | None:
        error = self.refuse
        if error is None:
            try:
                self._broker.commit(self._group, self._id, {(p.topic, p.partition): p.offset for p in offsets})
            except Fenced as fenced:
                code = KafkaError.UNKNOWN_MEMBER_ID if self._instance is None else KafkaError.FENCED_INSTANCE_ID
                error = KafkaError(code, str(fenced))
        if asynchronous:
            self._answers.append(lambda: self._on_commit(error, offsets))
            return None
        if error is not None:
            raise KafkaException(error)
        return offsets

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [
            TopicPartition(p.topic, p.partition, -1001 if offset is None else offset)
            for p in partitions
            for offset in [self._broker.committed(self._group, (p.topic, p.partition))]
        ]

    def get_watermark_offsets(self, place: TopicPartition, timeout: float = 0, cached: bool = False) -> tuple[int, int]:
        return 0, self._broker.end(place.topic, place.partition)

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._was_told_where = True
        self._fetched = []
        self._next = {
            (p.topic, p.partition): 0 if p.offset == OFFSET_BEGINNING else p.offset  # the log begins at 0
            for p in partitions
        }

    def assignment(self) -> list[TopicPartition]:
        return _partitions(self._next)

    def pause(self, partitions: list[TopicPartition]) -> None:
        places = {(p.topic, p.partition) for p in partitions}
        assert places <= self._next.keys()
        self._drop(places)
        self.paused |= places

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {(p.topic, p.partition) for p in partitions}

    def close(self) -> None:
        if self._id and self._next:
            gone = list(self._next)
            self._told["on_revoke"](self, _partitions(gone))
            self._forget(gone)
            self._broker.leave(self._group, self._id)
        self.closed = True

    def _join(self) -> None:
        self._id = self._broker.join(self._group, self._topics, self._instance, self._session_s)

    def _rebalance(self) -> None:
        change = self._broker.poll(self._group, self._id)
        if not change.revoked and not change.assigned:
            return
        gone = set(self._next) if self._eager else set(change.revoked)
        if gone:
            self._told["on_revoke"](self, _partitions(gone))
            self._forget(gone)
        self._broker.released(self._group, self._id, change.revoked)
        come = (gone - change.revoked) | change.assigned
        if come:
            before = dict(self._next)
            self._was_told_where = False
            self._told["on_assign"](self, _partitions(come))
            if not self._was_told_where:
                self._next = before | {place: self._broker.committed(self._group, place) or 0 for place in come}

    def _forget(self, places: Iterable[Place]) -> list[Place]:
        gone = list(places)
        self._fetched = [message for message in self._fetched if (message.topic(), message.partition()) not in gone]
        for place in gone:
            del self._next[place]
        return gone

    def _fetch(self) -> None:
        for place, start in self._next.items():
            if place not in self.paused and len(self._fetched) < FETCHED:
                read = self._broker.read(*place, start, FETCHED - len(self._fetched))
                self._next[place] = start + len(read)
                self._fetched += read

    def _drop(self, places: set[Place]) -> None:
        for message in reversed(self._fetched):
            place = message.topic(), message.partition()
            if place in places:
                self._next[place] = message.offset()
        self._fetched = [message for message in self._fetched if (message.topic(), message.partition()) not in places]


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in sorted(places)]
