"""The loop of a group member: what it commits and when, what an epoch is, and how it ends."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import KafkaError, Message

from infra.runtime.orders import NoMoreOrders
from tests.fakes.broker import MemoryBroker
from tests.unit.topics.reading import GROUP, MOST, P0, P1, Noted, append, memory_log
from topics.errors import FatalLogError
from topics.group_commits import AGAIN_S


def joined(broker: MemoryBroker, instance: str | None = None, *, eager: bool = False) -> Noted:
    """A member that owns both partitions."""
    noted = Noted(broker, instance, eager)
    noted.reader.begin()
    noted.turns(1)
    assert noted.told == ["assigned [0, 1]"]
    return noted


class Run(Noted):
    """Runs until it has read `until` records."""

    until = 8
    error: Exception | None = None

    def run(self) -> None:
        self.stop = threading.Event()
        self.reader.run(self.stop)

    def on_polled(self, epoch: int, batch: list[Message]) -> None:
        assert len(batch) <= MOST
        super().on_polled(epoch, batch)
        if self.error is not None:
            raise self.error
        if len(self.read) >= self.until:
            self.stop.set()


def test_all_is_read_in_order_and_committed_last() -> None:
    noted = Run(memory_log(4), wants={P0: 3, P1: 4})
    noted.run()
    assert [offset for partition, offset in noted.read if partition == 0] == [0, 1, 2, 3]
    assert sorted(noted.read) == [(partition, offset) for partition in (0, 1) for offset in range(4)]
    assert (noted.committed(P0), noted.committed(P1)) == (3, 4)
    assert noted.told[-2:] == ["stopping", "revoked [0, 1]"] and noted.consumer.closed


def test_what_a_listener_raises_ends_the_reading_and_closes() -> None:
    noted = Run(memory_log(4), wants={P0: 3})
    noted.error = FatalLogError("no more")
    with pytest.raises(FatalLogError, match="no more"):
        noted.run()
    assert noted.told == ["assigned [0, 1]", "failed: no more", "revoked [0, 1]"] and noted.consumer.closed
    with pytest.raises(NoMoreOrders):
        noted.reader.orders.add(lambda: 1).result(0)


def test_what_is_due_is_asked_for_before_the_next_poll_and_again_when_it_was_refused() -> None:
    noted = joined(memory_log(4))
    noted.reader.commits.want({P0: 2})
    noted.turns(1)
    assert noted.committed(P0) == 2
    noted.turns(1)
    assert noted.commits == [True]
    noted.consumer.refuse = KafkaError(KafkaError._TRANSPORT)
    noted.reader.commits.want({P0: 3})
    noted.turns(2)
    assert noted.commits == [True, False]
    noted.consumer.refuse = None
    noted.reader.commits._again_at_s -= AGAIN_S
    noted.turns(1)
    assert noted.committed(P0) == 3


def test_partitions_that_go_are_committed_before_they_go() -> None:
    broker = memory_log(4)
    one, two = joined(broker), Noted(broker)
    two.reader.begin()
    one.wants = {P0: 2, P1: 3}
    for _ in range(4):
        one.turns(1)
        two.turns(1)
    assert one.told[-1] == "revoked [1]" and two.told == ["assigned [1]"]
    assert (one.committed(P0), one.committed(P1)) == (None, 3)
    assert two.read == [(1, 3)], "the next member begins where the commit is"


def test_what_went_is_not_committed_whoever_wants_it_later() -> None:
    broker = memory_log(4)
    one, two = joined(broker), Noted(broker)
    two.reader.begin()
    for _ in range(4):
        one.turns(1)
        two.turns(1)
    two.reader.commits.want({P1: 4})
    two.turns(1)
    one.reader.commits.want({P1: 2})
    one.turns(2)
    assert one.committed(P1) == 4


def test_of_what_is_lost_nothing_is_committed_and_it_is_read_again() -> None:
    broker = memory_log(2)
    noted = joined(broker)
    noted.turns(3)
    assert len(noted.read) == 4
    noted.wants = {P0: 2, P1: 2}
    noted.reader.commits.want(noted.wants)
    broker.leave(GROUP, noted.consumer._id)  # the group has given it up
    noted.turns(2)
    assert noted.told[1:] == ["lost [0, 1]", "assigned [0, 1]"]
    assert (noted.committed(P0), noted.committed(P1)) == (None, None)
    noted.turns(3)
    assert sorted(noted.read) == sorted(2 * [(0, 0), (0, 1), (1, 0), (1, 1)])


def test_a_fenced_member_ends() -> None:
    broker = memory_log(2)
    old = joined(broker, "slot")
    joined(broker, "slot")
    with pytest.raises(FatalLogError, match="fenced"):
        old.turns(1)
    old.reader.commits.want({P0: 1})
    with pytest.raises(FatalLogError, match="fenced"):
        old.reader.commit(wait=True)


def test_a_listener_may_say_where_to_begin() -> None:
    noted = Noted(memory_log(4), begins_at={P0: 3, P1: None})
    noted.reader.begin()
    noted.turns(4)
    assert sorted(noted.read) == [(0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_an_epoch_ends_whenever_partitions_move() -> None:
    broker = memory_log(4)
    noted = joined(broker, eager=True)
    first, noted.torn = noted.reader.epoch, 0
    noted.turns(1)
    assert (noted.reader.epoch, noted.torn) == (first, 0)
    noted.reader.read_from({P0: 1, P1: 4})
    assert noted.reader.epoch == first + 1
    del noted.read[:]
    noted.turns(2)
    assert (noted.read, noted.torn) == ([(0, 1), (0, 2), (0, 3)], 0)
    other = Noted(broker, eager=True)
    other.reader.begin()
    noted.turns(1)
    assert noted.told[1:] == ["revoked [0, 1]", "assigned [0]"]
    assert (noted.reader.epoch, noted.torn) == (first + 3, 1), "a batch in which partitions moved is told apart"


def test_a_pause_fetches_nothing_and_drops_nothing() -> None:
    broker = memory_log(4)
    noted = joined(broker)
    before = list(noted.read)
    noted.reader.pause(True)
    noted.turns(3)
    assert noted.read == before
    noted.reader.pause(False)
    noted.turns(4)
    assert sorted(noted.read) == [(partition, offset) for partition in (0, 1) for offset in range(4)]


def test_a_poll_that_is_held_fetches_nothing_until_the_next_turn() -> None:
    broker = memory_log(1)
    noted = joined(broker)
    assert sorted(noted.read) == [(0, 0), (1, 0)]
    polled_at_s = noted.reader.polled_at_s
    append(broker, P0)
    assert noted.reader.poll_held() == []
    noted.reader.between_polls()
    assert noted.consumer.paused == {P0, P1} and noted.reader.polled_at_s == polled_at_s
    noted.turns(1)
    assert noted.consumer.paused == set() and noted.read[-1] == (0, 1)


@pytest.mark.parametrize("how", ["revoked", "read from elsewhere"])
def test_a_partition_that_comes_again_is_not_paused(how: str) -> None:
    broker = memory_log(1)
    noted = joined(broker, eager=True)
    noted.reader.poll_held()
    assert noted.consumer.paused == {P0, P1}
    if how == "revoked":
        Noted(broker, eager=True).reader.begin()
        noted.consumer.poll(0)
        assert noted.reader.assigned() == {P0}
    else:
        noted.reader.read_from({P0: 0, P1: 0})
    assert noted.consumer.paused == set()
    noted.reader.pause(True)
    noted.turns(1)
    assert noted.consumer.paused == noted.reader.assigned()


def test_orders_are_done_between_polls_and_an_error_is_the_askers() -> None:
    noted = joined(memory_log())
    done, failed = noted.reader.orders.add(lambda: noted.consumer.polls), noted.reader.orders.add(lambda: 1 // 0)
    polls = noted.consumer.polls
    noted.turns(1)
    assert done.result(0) == polls
    assert isinstance(failed.exception(0), ZeroDivisionError)


def test_what_the_group_has_committed() -> None:
    broker = memory_log(4)
    noted = joined(broker)
    noted.reader.commits.want({P1: 2})
    noted.turns(1)
    assert noted.reader.committed([P0, P1]) == {P0: None, P1: 2}
    assert noted.reader.committed([]) == {}


def test_a_revocation_at_the_close_commits_too() -> None:
    """A listener may be asked for its last words only then."""

    class Late(Run):
        def on_stopping(self) -> None:
            """Wants nothing yet."""

    noted = Late(memory_log(4), wants={P0: 3})
    noted.run()
    assert noted.committed(P0) == 3
