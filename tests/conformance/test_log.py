"""One suite for the log: in memory, which the simulation trusts, and the real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from infra.ids import draw_id
from tests.conformance.logs import TOPIC_PARTITIONS, KafkaLog, Log, MemoryLog
from tests.fakes.broker import Fenced, MemoryBroker
from topics.admin import create_topics
from topics.catalogue import Catalogue
from topics.spec import DAY_MS, TopicSpec

pytestmark = pytest.mark.timeout(300)
RECORDS = 5


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """An empty topic."""
    topic = f"conformance-{draw_id()[:8]}"
    topics = Catalogue({topic: TopicSpec(topic, "any", (), TOPIC_PARTITIONS, DAY_MS, "tests")})
    if request.param == "memory":
        clock = count(1_763_700_000_000_000, 1000)
        yield MemoryLog(MemoryBroker(topics, lambda: next(clock)), topic)
        return
    properties = request.getfixturevalue("servers").kafka.client_properties()
    create_topics(properties, topics)
    yield KafkaLog(properties, topic)


@pytest.fixture
def group() -> str:
    return f"group-{draw_id()[:8]}"


def filled(log: Log) -> None:
    for number in range(RECORDS):
        for partition in range(TOPIC_PARTITIONS):
            log.append(partition, b"key", b"%d" % number)


def test_records_stand_in_the_order_in_which_they_were_acknowledged(log: Log) -> None:
    offsets = [log.append(0, b"key", b"%d" % number) for number in range(RECORDS)]
    assert offsets == list(range(RECORDS))
    read = log.read(0, 0)
    assert [(offset, value) for offset, _, value, _ in read] == [(n, b"%d" % n) for n in range(RECORDS)]
    assert {key for _, key, _, _ in read} == {b"key"}
    times = [at for _, _, _, at in read]
    assert times == sorted(times) and times[0] > 0
    assert log.end(0) == RECORDS and log.end(1) == 0


def test_reading_begins_where_it_is_told(log: Log) -> None:
    filled(log)
    assert [offset for offset, _, _, _ in log.read(1, 3)] == [3, 4]


def test_a_group_without_commits_begins_at_the_beginning(log: Log, group: str) -> None:
    filled(log)
    member = log.member(group, None)
    assert member.owned(TOPIC_PARTITIONS) == {0, 1}
    read = member.read(2 * RECORDS)
    assert sorted(read) == [(partition, offset) for partition in (0, 1) for offset in range(RECORDS)]
    assert [at for at in read if at[0] == 0] == [(0, offset) for offset in range(RECORDS)]
    member.leave()


def test_the_next_member_begins_at_what_was_committed_not_at_what_was_read(log: Log, group: str) -> None:
    filled(log)
    first = log.member(group, None)
    first.owned(TOPIC_PARTITIONS)
    first.read(2 * RECORDS)
    first.commit({0: 2, 1: 4})
    first.leave()
    second = log.member(group, None)
    second.owned(TOPIC_PARTITIONS)
    assert sorted(second.read(4)) == [(0, 2), (0, 3), (0, 4), (1, 4)]
    second.leave()


def test_a_static_member_that_starts_again_has_its_partitions_and_the_old_one_is_fenced(log: Log, group: str) -> None:
    filled(log)
    old = log.member(group, "slot")
    old.owned(TOPIC_PARTITIONS)
    old.commit({0: 1})
    new = log.member(group, "slot")
    assert new.owned(TOPIC_PARTITIONS) == {0, 1}
    assert sorted(new.read(2 * RECORDS - 1))[0] == (0, 1)
    with pytest.raises(Fenced):
        old.commit({0: 5})
    new.commit({0: 3})
    third = log.member(group, "slot")
    third.owned(TOPIC_PARTITIONS)
    assert min(third.read(2 * RECORDS - 3)) == (0, 3), "the fenced one's commit did not count"
    for member in (old, new, third):
        member.leave()


def test_a_zombie_produces_unhindered(log: Log, group: str) -> None:
    """Fencing in the group says nothing about producing: that is why attempts are fenced in the log."""
    zombie = log.member(group, "slot")
    zombie.owned(TOPIC_PARTITIONS)
    rightful = log.member(group, "slot")
    rightful.owned(TOPIC_PARTITIONS)
    with pytest.raises(Fenced):
        zombie.commit({0: 0})
    assert log.append(0, b"key", b"of the zombie") == 0
    assert [value for _, _, value, _ in log.read(0, 0)] == [b"of the zombie"]
    for member in (zombie, rightful):
        member.leave()


def test_members_share_the_partitions_and_may_commit_each_others(log: Log, group: str) -> None:
    """A commit is checked for membership alone: that is why the commit tracker has epochs of its own."""
    filled(log)
    one = log.member(group, "one")
    one.owned(TOPIC_PARTITIONS)
    two = log.member(group, "two")
    of_two = two.owned(1)
    assert one.owned(1) == {0, 1} - of_two
    (foreign,) = of_two
    one.commit({foreign: 4})
    again = log.member(group, "two")
    assert again.owned(1) == of_two
    assert again.read(1) == [(foreign, 4)]
    for member in (one, two, again):
        member.leave()
