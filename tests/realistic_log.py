"""A realistic log of any length: interleaved conversations, as the whole pipeline would have written them.

Every record is made by the pipeline's own rules where they are pure (conversation, recorder, metering and watchdog
reactors, schemas.ids), refers to the places its causes really have, and is accepted by GenerationFold. The same seed
and length give the same log, byte for byte. Memory does not grow with the length: conversations end and are forgotten.
How much of what: tests/realistic_people.py.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message

from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.codec import encode
from schemas.envelope import Envelope, Position
from schemas.ids import event_id, user_id
from tests.realistic_people import NEW_USER, REVOKED, Dice
from tests.realistic_turns import conversation
from topics.catalogue import ACCOUNT_EVENTS, Catalogue, catalogue
from topics.clients import open_producer
from topics.headers import headers_of

BEGAN_US = 1_793_491_200_000_000
"""2026-11-01, when every realistic log begins."""
MAX_OPEN = 300
"""Conversations that are open at a time, in a long log."""
MAX_USERS = 5000
"""Users whose conversations are still to come."""
Actor = Generator[int, None, None]


class Appended(NamedTuple):
    """A record as it is appended: where, under which key, and when."""

    topic: str
    key: str
    record: Any
    position: Position
    at_us: int


class World:
    """What the people in it share: the clock, the dice, the log so far, and the users."""

    def __init__(self, seed: int, topics: Catalogue) -> None:
        self.dice = Dice(seed)
        self.now_us = BEGAN_US
        self.said: list[Appended] = []
        self._topics = topics
        self._ends: dict[tuple[str, int], int] = {}
        self._users: list[str] = []
        self._born = 0

    def say(self, topic: str, key: str, record: Any) -> Position:
        """Append a record; returns where it stands."""
        partition = self._topics.partition(topic, key)
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        position = Position(self._topics[topic].epoch, partition, offset)
        self.said.append(Appended(topic, key, record, position, self.now_us))
        return position

    def end_of(self, topic: str, key: str) -> Position:
        """Where the next record of `key` would stand."""
        partition = self._topics.partition(topic, key)
        return Position(self._topics[topic].epoch, partition, self._ends.get((topic, partition), 0))

    def envelope(self, cause_id: str, event_type: str, user: str) -> Envelope:
        """The envelope of something a user does now."""
        return Envelope(event_id(cause_id, event_type), self.now_us, None, self.dice.hex(32), f"user:{user}")

    def somebody(self) -> str:
        """A user, perhaps a new one."""
        if self._users and not self.dice.chance(NEW_USER):
            return self._users[self.dice.below(len(self._users))]
        self._born += 1
        name = f"person-{self._born}"
        user = user_id(name)
        self.say(ACCOUNT_EVENTS, user, UserCreated(self.envelope(user, "UserCreated", user), user, name))
        for number in range(1 + self.dice.chance(REVOKED)):
            key_id, digest = self.dice.hex(32), self.dice.hex(64)
            created = self.envelope(key_id, "ApiKeyCreated", user)
            self.say(
                ACCOUNT_EVENTS,
                user,
                ApiKeyCreated(
                    envelope=created,
                    user_id=user,
                    key_id=key_id,
                    key_sha256=digest,
                    label=f"key {number}",
                    hint=digest[-4:],
                ),
            )
            if number:
                revoked = self.envelope(key_id, "ApiKeyRevoked", user)
                self.say(ACCOUNT_EVENTS, user, ApiKeyRevoked(revoked, user, key_id, digest))
        if len(self._users) < MAX_USERS:
            self._users.append(user)
        else:
            self._users[self.dice.below(MAX_USERS)] = user
        return user


def records(seed: int, events: int, topics: Catalogue | None = None) -> Iterator[Appended]:
    """The first `events` records of a log, in the order in which they are appended.

    Offsets count from 0 in each partition of `topics` (the default catalogue). The log ends where it ends: what is
    running then has no end in it.
    """
    world = World(seed, topics or catalogue())
    waiting: list[tuple[int, int, Actor]] = []
    count = most_open = max(3, min(MAX_OPEN, events // 500))
    for number in range(most_open):
        actor = conversation(world)
        heapq.heappush(waiting, (BEGAN_US + world.dice.wait_us(30_000_000), number, actor))
    left = events
    while left > 0:
        world.now_us, number, actor = waiting[0]
        try:
            wait_us = next(actor)
        except StopIteration:
            # Whoever leaves makes room for the next.
            number, count, actor = count, count + 1, conversation(world)
            wait_us = world.dice.wait_us(2_000_000)
        heapq.heapreplace(waiting, (world.now_us + wait_us, number, actor))
        if world.said:
            yield from world.said[:left]
            left -= len(world.said)
            world.said.clear()


def produce(
    properties: Mapping[str, str],
    seed: int,
    events: int,
    topics: Catalogue | None = None,
    *,
    prefix: str = "",
    each: Callable[[Appended, bytes], None] | None = None,
) -> dict[tuple[str, int], int]:
    """Write such a log to a broker whose topics (`prefix` and the catalogue's names) are there and empty.

    Returns the end offset of each partition written to. `each` is called with every record and its bytes. Raises
    RuntimeError if the broker refuses a record, or if the topics were not empty.
    """
    failed: list[KafkaError] = []
    ends: dict[tuple[str, int], int] = {}
    reached: dict[tuple[str, int], int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)
        else:
            reached[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1

    producer = open_producer(
        {
            **properties,
            "enable.idempotence": "true",
            "linger.ms": "20",
            "batch.size": str(512 * 1024),
            "message.max.bytes": str(9 * 1024 * 1024),
            "queue.buffering.max.messages": "50000",
            "queue.buffering.max.kbytes": "65536",
        }
    )
    for appended in records(seed, events, topics):
        value = encode(appended.record)
        topic, position = prefix + appended.topic, appended.position
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    appended.key.encode(),
                    position.partition,
                    headers=headers_of(appended.record) or [],
                    on_delivery=delivered,
                )
                break
            except BufferError:
                producer.poll(0.5)
        ends[topic, position.partition] = position.offset + 1
        if each is not None:
            each(appended, value)
        producer.poll(0)
    if producer.flush(120.0) or failed:
        raise RuntimeError(f"the broker did not take all records: {failed[:1]}")
    if reached != ends:
        raise RuntimeError(f"the topics were not empty: they end at {reached}, the log at {ends}")
    return ends
