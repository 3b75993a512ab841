"""A commit never passes an unfinished offset, never goes back, and never outlives its assignment."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from topics.commits import CommitTracker

TOPIC = "jobs"
P0, P1 = (TOPIC, 0), (TOPIC, 1)


def tracker_with(*offsets: int) -> tuple[CommitTracker, int]:
    tracker = CommitTracker()
    epoch = tracker.assigned([P0])
    for offset in offsets:
        assert tracker.received(TOPIC, 0, offset) == epoch
    return tracker, epoch


def test_nothing_is_committed_before_the_first_is_finished() -> None:
    tracker, epoch = tracker_with(5, 6, 7)
    tracker.finished(TOPIC, 0, 7, epoch)
    tracker.finished(TOPIC, 0, 6, epoch)
    assert tracker.committable() == {}
    assert tracker.unfinished(TOPIC, 0) == 3
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 8}
    assert tracker.unfinished(TOPIC, 0) == 0
    assert tracker.committable() == {}


def test_offsets_that_never_came_are_no_gap() -> None:
    tracker, epoch = tracker_with(5, 9)
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 6}
    tracker.finished(TOPIC, 0, 9, epoch)
    assert tracker.committable() == {P0: 10}


def test_a_commit_never_goes_back() -> None:
    tracker, epoch = tracker_with(5)
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 6}
    assert tracker.received(TOPIC, 0, 3) == epoch  # a seek back
    assert tracker.received(TOPIC, 0, 5) == epoch
    tracker.finished(TOPIC, 0, 3, epoch)
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {}
    assert tracker.unfinished(TOPIC, 0) == 0


def test_a_record_that_comes_twice_is_finished_once() -> None:
    tracker, epoch = tracker_with(5, 5, 6)
    tracker.finished(TOPIC, 0, 5, epoch)
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 6}


def test_what_was_never_received_cannot_be_finished() -> None:
    tracker, epoch = tracker_with(5)
    tracker.finished(TOPIC, 0, 6, epoch)
    assert tracker.received(TOPIC, 0, 6) == epoch
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 6}


def test_partitions_that_are_not_ours_have_nothing_to_commit() -> None:
    tracker, epoch = tracker_with(5)
    assert tracker.received(TOPIC, 1, 1) is None
    tracker.finished(TOPIC, 1, 1, epoch)
    assert tracker.unfinished(TOPIC, 1) == 0
    tracker.finished(TOPIC, 0, 5, epoch)
    tracker.lost([P0, P1])
    assert tracker.committable() == {}


def test_results_of_an_older_assignment_are_forgotten() -> None:
    tracker, old = tracker_with(5)
    tracker.lost([P0])
    new = tracker.assigned([P0])
    assert new > old and tracker.epoch == new
    assert tracker.received(TOPIC, 0, 5) == new
    tracker.finished(TOPIC, 0, 5, old)
    assert tracker.committable() == {}
    tracker.finished(TOPIC, 0, 5, new)
    assert tracker.committable() == {P0: 6}


def test_what_is_kept_in_a_rebalance_goes_on() -> None:
    tracker, epoch = tracker_with(5)
    tracker.assigned([P1])
    tracker.lost([P1])
    tracker.finished(TOPIC, 0, 5, epoch)
    assert tracker.committable() == {P0: 6}


@settings(max_examples=200)
@given(st.data(), st.integers(0, 12))
def test_any_order_of_finishing_commits_everything_and_nothing_early(data: st.DataObject, count: int) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 40), min_size=count, max_size=count)))
    tracker, epoch = tracker_with(*offsets)
    unfinished = set(offsets)
    last = 0
    for offset in data.draw(st.permutations(offsets)):
        tracker.finished(TOPIC, 0, offset, epoch)
        unfinished.discard(offset)
        for committed in tracker.committable().values():
            assert committed > last and all(committed <= other for other in unfinished)
            last = committed
    assert last == (offsets[-1] + 1 if offsets else 0)
    assert tracker.unfinished(TOPIC, 0) == 0


class Rebalances(RuleBasedStateMachine):
    """Two partitions that come and go while work of every age finishes, against sets of offsets."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = CommitTracker()
        self.log = {P0: 0, P1: 0}
        self.committed = {P0: 0, P1: 0}
        self.mine: dict[tuple[str, int], set[int]] = {}
        """Unfinished offsets of the partitions held now."""
        self.since: dict[tuple[str, int], int] = {}
        self.work: list[tuple[tuple[str, int], int, int]] = []

    @rule(partition=st.sampled_from([P0, P1]))
    def gain(self, partition: tuple[str, int]) -> None:
        before = self.tracker.epoch
        self.since[partition] = self.tracker.assigned([partition])
        assert self.since[partition] > before
        self.mine[partition] = set()
        self.log[partition] = self.committed[partition]  # Kafka goes on from the commit

    @rule(partition=st.sampled_from([P0, P1]))
    def lose(self, partition: tuple[str, int]) -> None:
        before = self.tracker.epoch
        assert self.tracker.lost([partition]) > before
        self.mine.pop(partition, None)

    @precondition(lambda self: self.mine)
    @rule(data=st.data(), skipped=st.integers(0, 2))
    def receive(self, data: st.DataObject, skipped: int) -> None:
        partition = data.draw(st.sampled_from(sorted(self.mine)))
        offset = self.log[partition] + skipped
        self.log[partition] = offset + 1
        epoch = self.tracker.received(*partition, offset)
        assert epoch == self.since[partition]
        self.mine[partition].add(offset)
        self.work.append((partition, offset, epoch))

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        partition, offset, epoch = self.work.pop(data.draw(st.integers(0, len(self.work) - 1)))
        self.tracker.finished(*partition, offset, epoch)
        if epoch == self.since[partition]:
            self.mine.get(partition, set()).discard(offset)

    @rule()
    def commit(self) -> None:
        for partition, offset in self.tracker.committable().items():
            assert partition in self.mine
            assert offset > self.committed[partition]
            assert not any(open_ < offset for open_ in self.mine[partition])
            self.committed[partition] = offset

    @invariant()
    def backlog_is_known(self) -> None:
        for partition in (P0, P1):
            assert self.tracker.unfinished(*partition) >= len(self.mine.get(partition, set()))


TestRebalances = Rebalances.TestCase
TestRebalances.settings = settings(max_examples=60, stateful_step_count=30)
