"""One suite for the consumer that group readers use: in memory, which their unit tests trust, and the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Message

from infra.ids import draw_id
from tests.conformance.logs import SESSION_S, TOPIC_PARTITIONS, WAIT_S, KafkaLog, Log, MemoryLog
from tests.eventually import eventually_sync
from tests.fakes.broker import MemoryBroker, Place
from tests.fakes.consumer import MemoryConsumer
from topics.admin import create_topics
from topics.catalogue import Catalogue
from topics.clients import open_consumer
from topics.consumer import group_consumer
from topics.group_reader import GroupReader, Offsets
from topics.spec import DAY_MS, TopicSpec

pytestmark = pytest.mark.timeout(300)
RECORDS = 5
POLL_S = 0.05
Open = Callable[[str, Any, bool], Any]
"""A consumer of a group, with its `on_commit`; the last says whether it is eager."""


class Ground:
    """A log with RECORDS records in each of its partitions, and members of one group, which take turns."""

    def __init__(self, topic: str, log: Log, open_member: Open) -> None:
        self.topic, self.log, self._open = topic, log, open_member
        self.group = f"group-{draw_id()[:8]}"
        self.members: list[Member] = []
        for partition in range(TOPIC_PARTITIONS):
            for number in range(RECORDS):
                log.append(partition, b"key", b"%d" % number)

    def member(self, *, eager: bool = False) -> Member:
        member = Member(self, lambda on_commit: self._open(self.group, on_commit, eager))
        self.members.append(member)
        member.reader.begin()
        return member

    def until(self, condition: Callable[[], bool]) -> None:
        def after_a_turn() -> bool:
            for member in self.members:
                member.reader.turn()
            return condition()

        eventually_sync(after_a_turn, WAIT_S)

    def leave(self, member: Member) -> None:
        member.reader.finish()
        member.reader.consumer.close()
        self.members.remove(member)


class Member:
    """Reads and notes; `wants` is what it wants committed when partitions go."""

    def __init__(self, ground: Ground, open_member: Callable[[Any], Any]) -> None:
        self.read: list[tuple[int, int]] = []
        self.wants: dict[Place, int] = {}
        self.answers: list[bool] = []
        self.told: list[str] = []
        self.reader = GroupReader(open_member, [ground.topic], self, self, most=100, poll_s=POLL_S)

    def commit(self, *, taken: bool) -> None:
        self.answers.append(taken)

    def owns(self, partitions: int) -> bool:
        return len(self.reader.assigned()) == partitions

    def has_read(self, records: int) -> bool:
        assert len(self.read) <= records
        return len(self.read) == records

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        self.read += [(message.partition() or 0, message.offset() or 0) for message in batch]

    def on_assigned(self, places: list[Place]) -> Offsets | None:
        self.told.append("assigned")
        return None

    def on_revoked(self, places: list[Place]) -> None:
        self.told.append("revoked")
        self.reader.commits.want({place: self.wants[place] for place in places if place in self.wants})

    def on_lost(self, places: list[Place]) -> None:
        self.told.append("lost")

    def on_stopping(self) -> None:
        """Wants nothing more."""

    def on_failed(self, error: Exception) -> None:
        """The test fails."""


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    topic = f"conformance-{draw_id()[:8]}"
    topics = Catalogue({topic: TopicSpec(topic, "any", (), TOPIC_PARTITIONS, DAY_MS, "tests")})
    log: Log
    if request.param == "memory":
        broker = MemoryBroker(topics, lambda: 1)
        log = MemoryLog(broker, topic)

        def in_memory(group: str, on_commit: Any, eager: bool) -> Any:
            return MemoryConsumer(broker, group, on_commit, eager=eager)

        ground = Ground(topic, log, in_memory)
    else:
        properties = request.getfixturevalue("servers").kafka.client_properties()
        create_topics(properties, topics)
        log = KafkaLog(properties, topic)

        def real(group: str, on_commit: Any, eager: bool) -> Any:
            given = {**properties, "session.timeout.ms": str(int(SESSION_S * 1000))}
            if not eager:
                return group_consumer(given, group, None, on_commit=on_commit)
            return open_consumer(
                {
                    **given,
                    "group.id": group,
                    "partition.assignment.strategy": "range",
                    "enable.auto.commit": "false",
                    "auto.offset.reset": "earliest",
                    "on_commit": on_commit,
                }
            )

        ground = Ground(topic, log, real)
    yield ground
    for member in list(ground.members):
        ground.leave(member)


def test_what_is_due_is_committed_and_the_next_member_goes_on_there(ground: Ground) -> None:
    one = ground.member()
    ground.until(lambda: one.has_read(TOPIC_PARTITIONS * RECORDS))
    one.reader.commits.want({(ground.topic, 0): 2})
    ground.until(lambda: one.reader.commits.committed == {(ground.topic, 0): 2})
    assert one.answers == [True]
    one.wants = {(ground.topic, 0): 3, (ground.topic, 1): 4}
    ground.leave(one)
    assert one.told == ["assigned", "revoked"]
    two = ground.member()
    ground.until(lambda: two.has_read(3))
    assert sorted(two.read) == [(0, 3), (0, 4), (1, 4)]
    assert two.reader.committed([(ground.topic, 0), (ground.topic, 1)]) == {(ground.topic, 0): 3, (ground.topic, 1): 4}


@pytest.mark.parametrize("eager", [False, True], ids=["cooperative", "eager"])
def test_a_member_that_joins_gets_what_was_committed_as_it_went(ground: Ground, eager: bool) -> None:
    one = ground.member(eager=eager)
    ground.until(lambda: one.has_read(TOPIC_PARTITIONS * RECORDS))
    one.wants = {(ground.topic, partition): 3 for partition in range(TOPIC_PARTITIONS)}
    two = ground.member(eager=eager)
    ground.until(lambda: one.owns(1) and two.owns(1) and len(two.read) == 2)
    ((_, mine),) = two.reader.assigned()
    assert two.read == [(mine, 3), (mine, 4)]
    assert one.told[:2] == ["assigned", "revoked"]


def test_what_was_paused_is_read_on_whatever_happened_meanwhile(ground: Ground) -> None:
    one = ground.member(eager=True)
    ground.until(lambda: one.has_read(TOPIC_PARTITIONS * RECORDS))
    assert one.reader.poll_held() == []
    ground.log.append(0, b"key", b"more")
    assert one.reader.poll_held() == [] and one.reader.poll_held() == []
    ground.until(lambda: one.has_read(TOPIC_PARTITIONS * RECORDS + 1))
    one.reader.poll_held()
    del one.read[:]
    one.reader.read_from({(ground.topic, partition): None for partition in range(TOPIC_PARTITIONS)})
    ground.until(lambda: one.has_read(TOPIC_PARTITIONS * RECORDS + 1))
    one.reader.poll_held()
    del one.read[:]
    two = ground.member(eager=True)
    # Nothing was committed: what each has now is read from its beginning.
    ground.until(lambda: one.owns(1) and two.owns(1) and len(set(one.read) | set(two.read)) == 2 * RECORDS + 1)
