"""Commits count once the broker said so, and are asked for again when it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from topics.errors import FatalLogError
from topics.group_commits import AGAIN_S, GroupCommits

P0, P1 = ("jobs", 0), ("jobs", 1)
AWAY, ZOMBIE, FENCED = KafkaError._TRANSPORT, KafkaError.ILLEGAL_GENERATION, KafkaError.FENCED_INSTANCE_ID


@dataclass
class Broker:
    """A consumer whose commits stay unanswered until the test answers them. `refuse` is raised at once."""

    asked: list[dict[tuple[str, int], int]] = field(default_factory=list)
    refuse: int | None = None
    answers: list[bool] = field(default_factory=list)
    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.commits = GroupCommits(self, lambda: self.now_s)

    def commit(self, **arguments: Any) -> None:
        """Both sides: what is asked of the client, and what is told to whoever counts."""
        if "taken" in arguments:
            self.answers.append(arguments["taken"])
            return
        if self.refuse is not None:
            raise KafkaException(KafkaError(self.refuse))
        self.asked.append({(place.topic, place.partition): place.offset for place in arguments["offsets"]})

    def ask(self, *, wait: bool = False) -> bool:
        return self.commits.commit(self, wait=wait)  # type: ignore[arg-type]  # this Broker is the client too

    def answer(self, number: int = -1, error: int | None = None) -> None:
        places = [TopicPartition(*place, offset) for place, offset in self.asked.pop(number).items()]
        self.commits.answered(None if error is None else KafkaError(error), places)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def test_an_offset_is_committed_once_the_broker_said_so(broker: Broker) -> None:
    broker.commits.want({P0: 3})
    assert broker.ask()
    assert broker.commits.committed == {}
    broker.answer()
    assert (broker.commits.committed, broker.answers) == ({P0: 3}, [True])
    broker.commits.want({P0: 3})
    assert not broker.ask()


def test_what_is_under_way_is_not_asked_for_twice_but_what_is_later_is(broker: Broker) -> None:
    broker.commits.want({P0: 3})
    assert broker.ask() and not broker.ask()
    broker.commits.want({P0: 4, P1: 1})
    assert broker.ask()
    assert broker.asked == [{P0: 3}, {P0: 4, P1: 1}]
    broker.answer(0)
    broker.answer(0)
    assert broker.commits.committed == {P0: 4, P1: 1}


def test_what_the_broker_did_not_take_is_asked_for_again_after_a_pause(broker: Broker) -> None:
    broker.commits.want({P0: 3})
    broker.ask()
    broker.answer(error=AWAY)
    assert (broker.commits.committed, broker.answers, broker.ask()) == ({}, [False], False)
    broker.now_s += AGAIN_S
    assert broker.ask()
    broker.answer()
    assert broker.commits.committed == {P0: 3}


def test_one_partition_may_be_refused_alone(broker: Broker) -> None:
    broker.commits.want({P0: 3, P1: 7})
    broker.ask()
    places = [TopicPartition(*place, offset) for place, offset in broker.asked.pop().items()]
    refused = TopicPartition(*P1, 7)

    class Refused:
        topic, partition, offset, error = refused.topic, refused.partition, refused.offset, KafkaError(AWAY)

    broker.commits.answered(None, [places[0], Refused()])  # type: ignore[list-item]  # a place with an error, which only the broker makes
    assert broker.commits.committed == {P0: 3}
    broker.now_s += AGAIN_S
    assert broker.ask() and broker.asked == [{P1: 7}]


def test_a_commit_that_is_waited_for_is_checked_partition_by_partition(broker: Broker) -> None:
    class Refused:
        topic, partition, offset, error = (*P1, 7, KafkaError(AWAY))

    class Client:
        def commit(self, **_: Any) -> list[Any]:
            return [TopicPartition(*P0, 3), Refused()]

    broker.commits.want({P0: 3, P1: 7})
    assert broker.commits.commit(Client(), wait=True)  # type: ignore[arg-type]  # it has the one method that is called
    assert (broker.commits.committed, sorted(broker.answers)) == ({P0: 3}, [False, True])
    broker.now_s += AGAIN_S
    assert broker.ask() and broker.asked == [{P1: 7}]


def test_a_zombies_commit_is_never_repeated(broker: Broker) -> None:
    broker.commits.want({P0: 3})
    broker.ask()
    broker.answer(error=ZOMBIE)
    broker.now_s += AGAIN_S
    assert not broker.ask()


def test_a_member_that_was_fenced_ends(broker: Broker) -> None:
    broker.commits.want({P0: 3})
    broker.ask()
    broker.answer(error=FENCED)
    with pytest.raises(FatalLogError, match="fenced"):
        broker.ask()


@pytest.mark.parametrize(("error", "ends"), [(AWAY, False), (FENCED, True)])
def test_a_refusal_may_come_at_once(broker: Broker, error: int, ends: bool) -> None:
    broker.commits.want({P0: 3})
    broker.refuse = error
    if ends:
        with pytest.raises(FatalLogError):
            broker.ask(wait=True)
        return
    assert broker.ask(wait=True)
    broker.refuse = None
    assert broker.ask(wait=True), "an end does not wait for the pause"
    assert broker.commits.committed == {P0: 3}


def test_before_is_called_when_there_is_something_to_ask_for(broker: Broker) -> None:
    called: list[int] = []
    broker.commits.commit(broker, before=lambda: called.append(1))  # type: ignore[arg-type]  # this Broker is the client too
    broker.commits.want({P0: 3})
    broker.commits.commit(broker, before=lambda: called.append(2))  # type: ignore[arg-type]  # this Broker is the client too
    assert called == [2]


class Commits(RuleBasedStateMachine):
    """Wants, losses and answers in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker()
        self.wanted: dict[tuple[str, int], int] = {}
        self.said: dict[tuple[str, int], set[int]] = {P0: set(), P1: set()}
        self.next = 0

    @rule(place=st.sampled_from([P0, P1]))
    def want(self, place: tuple[str, int]) -> None:
        self.next += 1
        self.wanted[place] = self.next
        self.broker.commits.want({place: self.next})

    @rule(place=st.sampled_from([P0, P1]))
    def lose(self, place: tuple[str, int]) -> None:
        self.wanted.pop(place, None)
        self.broker.commits.forget([place])

    @rule(later_s=st.sampled_from([0.0, AGAIN_S]))
    def ask(self, later_s: float) -> None:
        self.broker.now_s += later_s
        before = len(self.broker.asked)
        if self.broker.ask():
            for place, offset in self.broker.asked[before].items():
                assert self.wanted.get(place) == offset, "only what is wanted now is asked for"

    @precondition(lambda self: self.broker.asked)
    @rule(error=st.sampled_from([None, None, AWAY]))
    def answer(self, error: int | None) -> None:
        if error is None:
            for place, offset in self.broker.asked[0].items():
                self.said[place].add(offset)
        self.broker.answer(0, error)

    @invariant()
    def nothing_counts_that_the_broker_did_not_say(self) -> None:
        for place, offset in self.broker.commits.committed.items():
            assert place in self.wanted and offset in self.said[place]

    def teardown(self) -> None:
        """Once the broker takes everything, everything wanted is committed."""
        while self.broker.asked:
            self.broker.answer(0)
        self.broker.now_s += AGAIN_S
        while self.broker.ask():
            self.broker.answer(0)
        assert {place: self.broker.commits.committed.get(place) for place in self.wanted} == self.wanted


TestCommits = Commits.TestCase
TestCommits.settings = settings(max_examples=100, stateful_step_count=30)
