"""Appends a slice to another log in the order of references; each record says where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.codec import encode
from schemas.envelope import Position
from topics.catalogue import TOKEN_CHUNKS
from topics.clients import open_producer
from topics.errors import LogError
from topics.headers import IMPORTED, headers_of
from topics.producer import log_error
from topics.slices.entries import REPLAYED, Entry
from topics.slices.folder import OpenedSlice
from topics.slices.references import conversation_of, moved
from topics.slices.target import Named, Plan

_TIMEOUT_S = 60.0
_FLUSH_S = 10.0
_MAX_IN_FLIGHT = 2000


class Appender(Protocol):
    """What is used of a producer. confluent_kafka's is one."""

    def produce(self, *arguments: Any, **options: Any) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def flush(self, timeout: float) -> int: ...


def appender(properties: Mapping[str, str]) -> Appender:
    """A producer for an import: what it appends of a partition has no gaps and is in order."""
    return open_producer(
        {
            **properties,
            "client.id": "verbatim-import",
            "log_level": "0",
            "enable.idempotence": "true",
            "acks": "all",
            "linger.ms": "5",
            "message.timeout.ms": str(int(_TIMEOUT_S * 1000)),
            "message.max.bytes": str(9 * 1024 * 1024),
            "queue.buffering.max.kbytes": "131072",
        }
    )


class Replay:
    """One import of one slice, planned and checked. What it appends counts at once; running it again adds the rest."""

    def __init__(self, producer: Appender, opened: OpenedSlice, plan: Plan, owner: str | None) -> None:
        self._producer = producer
        self._opened = opened
        self._plan = plan
        self._owner = owner
        self._placed: dict[tuple[str, Position], Position] = {}
        self._names: dict[Named, Position] = dict(plan.names)
        self._failure: LogError | None = None
        self._in_flight = self._done = 0

    def run(self, report: Callable[[int, int], None]) -> int:
        """Append what is missing; returns how many records that were. What `report` raises ends the run in between.

        Raises LogError when the target takes no more.
        """
        missing = {entry.sequence for entry in self._plan.missing}
        try:
            for topic in REPLAYED:
                self._append_topic(topic, missing, report)
            report(self._done, len(missing))
            return self._done
        finally:
            # Also of a run that ends early, what is on its way may arrive.
            self._producer.flush(_FLUSH_S)

    def _append_topic(self, topic: str, missing: set[int], report: Callable[[int, int], None]) -> None:
        entries = {entry.sequence: entry for entry in self._opened.entries if entry.topic == topic}
        for sequence in entries.keys() & self._plan.placed.keys():
            self._stands(entries[sequence], self._plan.placed[sequence])
        if missing.isdisjoint(entries):
            return
        for sequence, record in self._opened.records(topic):
            if sequence in missing:
                report(self._done, len(missing))
                self._append(entries[sequence], record)
        # Whatever comes next may refer to these: it must be known where they stand.
        self._await(0)

    def _append(self, entry: Entry, record: object) -> None:
        topic, conversation = entry.topic, conversation_of(record) or ""
        known = {reference.place: reference for reference in entry.references}

        def move(into: str, place: Position) -> Position:
            if into == TOKEN_CHUNKS:
                return self._tail(conversation)
            there = self._placed.get((into, place))
            return there if there is not None else self._names[into, known[place].name]

        given = moved(record, move, self._owner)
        headers = [*(headers_of(given) or ()), (IMPORTED, f"{self._opened.manifest.sha256}:{entry.sequence}".encode())]
        partition = self._plan.layouts[topic].partition(entry.key)

        def delivered(error: KafkaError | None, message: Message) -> None:
            self._in_flight -= 1
            if error is not None:
                self._failure = self._failure or log_error(error)
                return
            self._done += 1
            self._stands(entry, self._plan.layouts[topic].position(partition, message.offset() or 0))

        value, key = encode(given), entry.key.encode()
        self._await(_MAX_IN_FLIGHT)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=delivered, headers=headers)
            except BufferError:
                self._await(self._in_flight // 2)
            except KafkaException as error:
                raise log_error(error.args[0]) from error
            else:
                self._in_flight += 1
                return

    def _await(self, most: int) -> None:
        """Wait until at most so many records are unacknowledged: bounded, since each one's delivery is."""
        self._producer.poll(0)
        while self._in_flight > most:
            self._producer.poll(0.1)
        if self._failure is not None:
            raise self._failure

    def _stands(self, entry: Entry, place: Position) -> None:
        self._placed[entry.topic, entry.source] = place
        if entry.name:
            self._names.setdefault((entry.topic, entry.name), place)

    def _tail(self, conversation: str) -> Position:
        """Nothing of the turn stands in token-chunks there, so any place is a lower bound: the end as it was."""
        layout = self._plan.layouts[TOKEN_CHUNKS]
        partition = layout.partition(conversation)
        return layout.position(partition, self._plan.tails[partition])
