"""A member that silently stopped reading is ended; one that has nothing to read, or no broker, is left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.stalling import AWAY_S, LOOK_S, STALLED_S, StallWatch
from topics.errors import FatalLogError, LogUnavailable

Place = tuple[str, int]
HERE, THERE = ("topic", 0), ("topic", 1)


@dataclass
class Member:
    """Reader and client: what is assigned, committed, and in the log."""

    places: frozenset[Place] = frozenset({HERE})
    ends: dict[Place, int] = field(default_factory=dict)
    lows: dict[Place, int] = field(default_factory=dict)
    done: dict[Place, int] = field(default_factory=dict)
    is_away: bool = False
    looks: int = 0

    def assigned(self) -> frozenset[Place]:
        return self.places

    def committed(self, places: Iterable[Place]) -> dict[Place, int | None]:
        if self.is_away:
            raise LogUnavailable("away")
        return {place: self.done.get(place) for place in places}

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        self.looks += 1
        if self.is_away:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        place = partition.topic, partition.partition
        return self.lows.get(place, 0), self.ends.get(place, 0)


class Watched:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.member = Member()
        self.watch = StallWatch(lambda: self.now_s)
        self.watch.came([HERE])

    def quiet_for(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += 0.2
            self.watch.quiet(self.member, self.member)


@pytest.fixture
def watched() -> Watched:
    return Watched()


LONG_S = STALLED_S + 3 * LOOK_S


def test_records_that_lie_there_unread_end_the_member(watched: Watched) -> None:
    watched.watch.read(*HERE, 4)
    watched.member.ends = {HERE: 9}
    with pytest.raises(FatalLogError, match=r"topic\[0\]: read to 5 of 9"):
        watched.quiet_for(LONG_S)


def test_also_where_none_was_read_since_the_partition_came(watched: Watched) -> None:
    watched.member.ends, watched.member.done = {HERE: 9}, {HERE: 8}
    with pytest.raises(FatalLogError, match="read to 8 of 9"):
        watched.quiet_for(LONG_S)


def test_a_partition_that_is_read_to_its_end_is_left_alone(watched: Watched) -> None:
    watched.watch.read(*HERE, 8)
    watched.member.ends, watched.member.places = {HERE: 9, THERE: 3}, frozenset({HERE, THERE})
    watched.member.lows = {THERE: 3}  # retention took all of it
    watched.quiet_for(20 * LONG_S)
    assert watched.member.looks > 0


def test_records_that_come_now_and_then_are_no_stall(watched: Watched) -> None:
    watched.member.ends = {HERE: 1000}
    for offset in range(20):
        watched.watch.read(*HERE, offset)
        watched.watch.busy()
        watched.quiet_for(STALLED_S - LOOK_S)


def test_who_is_busy_asks_the_broker_nothing(watched: Watched) -> None:
    for _ in range(100):
        watched.now_s += LOOK_S / 2
        watched.watch.busy()
        watched.watch.quiet(watched.member, watched.member)
    assert watched.member.looks == 0


def test_a_broker_that_is_away_ends_nobody(watched: Watched) -> None:
    watched.watch.read(*HERE, 4)
    watched.member.ends, watched.member.is_away = {HERE: 9}, True
    watched.quiet_for(10 * LONG_S)


def test_who_lost_the_partitions_and_is_given_none_ends(watched: Watched) -> None:
    watched.member.places = frozenset()
    watched.watch.lost([HERE])
    watched.quiet_for(AWAY_S - LOOK_S)
    with pytest.raises(FatalLogError, match="lost its partitions"):
        watched.quiet_for(3 * LOOK_S)


@pytest.mark.parametrize("given", [[], [HERE]])
def test_the_group_s_answer_is_enough_even_if_it_gives_nothing(watched: Watched, given: list[Place]) -> None:
    watched.watch.lost([HERE])
    watched.watch.came(given)
    watched.member.places = frozenset(given)
    watched.quiet_for(10 * AWAY_S)


def test_partitions_that_went_are_not_watched(watched: Watched) -> None:
    watched.watch.read(*HERE, 4)
    watched.member.ends = {HERE: 9}
    watched.quiet_for(STALLED_S - LOOK_S)
    watched.member.places = frozenset()
    watched.watch.went([HERE])
    watched.quiet_for(10 * LONG_S)
