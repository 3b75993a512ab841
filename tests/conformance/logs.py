"""The log as a client sees it: in memory, which the simulation trusts, and the real Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.eventually import eventually_sync
from tests.fakes.broker import Fenced, MemoryBroker
from topics.clients import open_producer
from topics.consumer import assigned_consumer, bounds, group_consumer, next_batch
from topics.errors import FatalLogError

TOPIC_PARTITIONS = 2
SESSION_S = 6.0
WAIT_S = 60.0
Read = tuple[int, bytes, bytes, int]
"""Offset, key, value, timestamp in milliseconds."""


class GroupMember(Protocol):
    def owned(self, partitions: int) -> set[int]:
        """The partitions that are this member's, once they are so many. They are read from their commits on."""

    def read(self, records: int) -> list[tuple[int, int]]:
        """(partition, offset) of the next records, so many."""

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Raises Fenced."""

    def leave(self) -> None: ...


class Log(Protocol):
    """One topic of TOPIC_PARTITIONS."""

    def append(self, partition: int, key: bytes, value: bytes) -> int: ...
    def read(self, partition: int, start: int) -> list[Read]:
        """Everything from `start` on."""

    def end(self, partition: int) -> int: ...
    def member(self, group: str, instance: str | None) -> GroupMember: ...


class MemoryLog:
    def __init__(self, broker: MemoryBroker, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    def append(self, partition: int, key: bytes, value: bytes) -> int:
        return self._broker.append(self._topic, partition, key, value)

    def read(self, partition: int, start: int) -> list[Read]:
        found = self._broker.read(self._topic, partition, start, 1000)
        return [(m.offset(), m.key(), m.value(), m.timestamp()[1]) for m in found]

    def end(self, partition: int) -> int:
        return self._broker.end(self._topic, partition)

    def member(self, group: str, instance: str | None) -> GroupMember:
        return _MemoryMember(self._broker, self._topic, group, instance)


class _MemoryMember:
    others: ClassVar[dict[str, list[_MemoryMember]]] = {}

    def __init__(self, broker: MemoryBroker, topic: str, group: str, instance: str | None) -> None:
        self._broker, self._topic, self._group = broker, topic, group
        self._id = broker.join(group, [topic], instance, SESSION_S)
        self._next: dict[int, int] = {}
        self.others.setdefault(group, []).append(self)

    def owned(self, partitions: int) -> set[int]:
        # Real members poll all the time; here all of the group have their turns now.
        for _ in range(4):
            for member in list(self.others[self._group]):
                member.poll()
        assert len(self._next) == partitions
        return set(self._next)

    def poll(self) -> None:
        try:
            change = self._broker.poll(self._group, self._id)
        except Fenced:
            self.others[self._group].remove(self)
            return
        for place in change.revoked:
            del self._next[place[1]]
        self._broker.released(self._group, self._id, change.revoked)
        for place in change.assigned:
            self._next[place[1]] = self._broker.committed(self._group, place) or 0

    def read(self, records: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for partition, start in self._next.items():
            for message in self._broker.read(self._topic, partition, start, records - len(found)):
                found.append((partition, message.offset()))
                self._next[partition] = message.offset() + 1
        return found

    def commit(self, offsets: Mapping[int, int]) -> None:
        self._broker.commit(self._group, self._id, {(self._topic, at): offset for at, offset in offsets.items()})

    def leave(self) -> None:
        self._broker.leave(self._group, self._id)
        if self in self.others[self._group]:
            self.others[self._group].remove(self)


class KafkaLog:
    def __init__(self, properties: Mapping[str, str], topic: str) -> None:
        self._properties = properties
        self._topic = topic
        self._producer = open_producer({**properties, "acks": "all", "enable.idempotence": "true"})

    def append(self, partition: int, key: bytes, value: bytes) -> int:
        offsets: list[int] = []

        def delivered(error: KafkaError | None, message: object) -> None:
            assert error is None
            offsets.append(message.offset())  # type: ignore[attr-defined]  # a Message, the stubs say object

        self._producer.produce(self._topic, value, key, partition, on_delivery=delivered)
        assert self._producer.flush(WAIT_S) == 0
        return offsets[0]

    def read(self, partition: int, start: int) -> list[Read]:
        consumer = assigned_consumer(self._properties)
        try:
            count = bounds(consumer, self._topic, partition, WAIT_S)[1] - start
            consumer.assign([TopicPartition(self._topic, partition, start)])
            found: list[Read] = []

            def all_read() -> bool:
                for m in next_batch(consumer, 1000, 0.1):
                    found.append((m.offset() or 0, _bytes(m.key()), _bytes(m.value()), m.timestamp()[1]))
                return len(found) >= count

            eventually_sync(all_read, WAIT_S)
            return found
        finally:
            consumer.close()

    def end(self, partition: int) -> int:
        consumer = assigned_consumer(self._properties)
        try:
            return bounds(consumer, self._topic, partition, WAIT_S)[1]
        finally:
            consumer.close()

    def member(self, group: str, instance: str | None) -> GroupMember:
        return _KafkaMember(self._properties, self._topic, group, instance)


class _KafkaMember:
    others: ClassVar[dict[str, list[_KafkaMember]]] = {}

    def __init__(self, properties: Mapping[str, str], topic: str, group: str, instance: str | None) -> None:
        self._topic, self._group = topic, group
        # A session no longer than what the broker takes; members of one test take turns, so it must not be short.
        given = {**properties, "session.timeout.ms": str(int(SESSION_S * 1000))}
        self._consumer: Consumer = group_consumer(given, group, instance)
        self._read: list[tuple[int, int]] = []
        self._consumer.subscribe([topic])
        self.others.setdefault(group, []).append(self)

    def owned(self, partitions: int) -> set[int]:
        def settled() -> bool:
            for member in list(self.others[self._group]):
                member.poll()
            return len(self._consumer.assignment()) == partitions

        eventually_sync(settled, WAIT_S)
        return {place.partition for place in self._consumer.assignment()}

    def poll(self) -> None:
        try:
            found = next_batch(self._consumer, 100, 0.1)
        except FatalLogError:
            self.others[self._group].remove(self)
            return
        self._read += [(m.partition() or 0, m.offset() or 0) for m in found]

    def read(self, records: int) -> list[tuple[int, int]]:
        def enough() -> bool:
            self.poll()
            return len(self._read) >= records

        eventually_sync(enough, WAIT_S)
        found, self._read = self._read[:records], self._read[records:]
        return found

    def commit(self, offsets: Mapping[int, int]) -> None:
        places = [TopicPartition(self._topic, at, offset) for at, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            raise Fenced(error.args[0].str()) from error

    def leave(self) -> None:
        if self in self.others[self._group]:
            self.others[self._group].remove(self)
        self._consumer.close()


def _bytes(value: str | bytes | None) -> bytes:
    assert isinstance(value, bytes)
    return value
