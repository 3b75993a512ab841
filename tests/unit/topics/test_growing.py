"""Growing a topic: refused while anything is under way, and never half, whenever it is interrupted."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewPartitions, NewTopic
from hypothesis import given
from hypothesis import strategies as st

from topics import growing
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    catalogue,
    jobs_topic,
)
from topics.counts import with_counts
from topics.epochs import Layout, layouts_of
from topics.errors import FatalLogError, LogUnavailable
from topics.groups import Member
from topics.growing import CannotGrow, Unread, can_grow, grow, grown, problem_of, unread

RECORDER = "verbatim-recorder"
P0, P1 = (str(TOKEN_CHUNKS), 0), (str(TOKEN_CHUNKS), 1)


class Broker:
    """Topics of a broker that dies after so many changes; it answers again when it is `mended`."""

    def __init__(self, counts: dict[str, int], changes: int | None = None) -> None:
        self.counts = dict(counts)
        self._left = changes

    def mended(self) -> None:
        self._left = None

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={n: SimpleNamespace(partitions=range(c)) for n, c in self.counts.items()})

    def create_topics(self, new: list[NewTopic]) -> dict[str, Future[None]]:
        (topic,) = new
        if topic.topic in self.counts:
            return {topic.topic: failed(KafkaError.TOPIC_ALREADY_EXISTS)}
        return {topic.topic: self._change(topic.topic, topic.num_partitions)}

    def create_partitions(self, new: list[NewPartitions]) -> dict[str, Future[None]]:
        (wanted,) = new
        if wanted.new_total_count <= self.counts[wanted.topic]:
            return {wanted.topic: failed(KafkaError.INVALID_PARTITIONS)}
        return {wanted.topic: self._change(wanted.topic, wanted.new_total_count)}

    def _change(self, topic: str, count: int) -> Future[None]:
        if self._left == 0:
            return failed(KafkaError._TIMED_OUT, retriable=True)
        self._left = None if self._left is None else self._left - 1
        self.counts[topic] = count
        done: Future[None] = Future()
        done.set_result(None)
        return done


def failed(code: int, *, retriable: bool = False) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(KafkaException(KafkaError(code, retriable=retriable)))
    return future


def broker(monkeypatch: pytest.MonkeyPatch, changes: int | None = None, **counts: int) -> Broker:
    made = Broker(counts or {TOKEN_CHUNKS: 2}, changes)
    monkeypatch.setattr(growing, "open_admin", lambda _: made)
    return made


def test_a_topic_is_grown_and_grown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = broker(monkeypatch)
    assert grow({}, TOKEN_CHUNKS, 4) == Layout(6, (2,))
    assert grow({}, TOKEN_CHUNKS, 5) == Layout(11, (2, 6))
    assert with_counts(catalogue(), made.counts)[TOKEN_CHUNKS].layout == Layout(11, (2, 6))


@pytest.mark.parametrize("changes", [0, 1])
def test_an_interruption_changes_nothing_and_the_same_command_goes_on(
    monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    made = broker(monkeypatch, changes)
    with pytest.raises(LogUnavailable, match="again"):
        grow({}, TOKEN_CHUNKS, 4)
    assert layouts_of(made.counts)[TOKEN_CHUNKS] == Layout(2), "who starts now writes where it always did"
    made.mended()
    assert grow({}, TOKEN_CHUNKS, 4) == Layout(6, (2,))


def test_what_the_broker_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made = broker(monkeypatch)

    def refuse(_: Any) -> dict[str, Future[None]]:
        return {TOKEN_CHUNKS: failed(KafkaError.TOPIC_AUTHORIZATION_FAILED)}

    monkeypatch.setattr(made, "create_partitions", refuse)
    with pytest.raises(FatalLogError, match="the broker refused"):
        grow({}, TOKEN_CHUNKS, 4)


def test_topics_that_are_spread_over_keys_can_grow() -> None:
    jobs = jobs_topic("default", "interactive")
    for topic in (CONVERSATION_EVENTS, TOKEN_CHUNKS, GENERATION_OUTCOMES, MODERATION_VERDICTS, USAGE_RECORDS, jobs):
        assert can_grow(topic)
    for other in (CONTROL, ACCOUNT_EVENTS, DEAD_LETTERS, "shadow.x", "elsewhere"):
        assert not can_grow(other)
        with pytest.raises(CannotGrow, match="cannot be grown"):
            grown(other, Layout(1), 2)


@pytest.mark.parametrize(
    ("layout", "partitions", "says"),
    [
        (None, 4, "there is no topic"),
        (Layout(2), 2, "ask for more"),
        (Layout(6, (2,)), 4, "writes to 4 partitions: ask for more"),
        (Layout(2), 5000, "are too many"),
        (Layout(5000, tuple(range(1, 4096))), 1000, "no more are possible"),
    ],
)
def test_what_makes_no_sense_is_refused(layout: Layout | None, partitions: int, says: str) -> None:
    with pytest.raises(CannotGrow, match=says):
        grown(TOKEN_CHUNKS, layout, partitions)


def test_everything_must_be_read_by_all_who_ever_read_it() -> None:
    end = {P0: 5, P1: 0}
    assert unread({}, end, {P0: {RECORDER: 5}}) == []
    assert unread({}, end, {P0: {RECORDER: 4}}) == [Unread(RECORDER, TOKEN_CHUNKS, 0, 1)]
    assert unread({}, end, {P0: {RECORDER: 5, "lake": 2}}) == [Unread("lake", TOKEN_CHUNKS, 0, 3)]
    assert unread({}, end, {}) == [Unread(RECORDER, TOKEN_CHUNKS, 0, 5)], "also by one that never committed"
    assert unread({P0: 5}, end, {}) == [], "what retention took nobody reads any more"
    assert unread({}, {P0: 5, P1: 3}, {P0: {RECORDER: 5}}) == [Unread(RECORDER, TOKEN_CHUNKS, 1, 3)]


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([TOKEN_CHUNKS, CONVERSATION_EVENTS]), st.integers(0, 3)), st.integers(0, 9)
    ),
    st.data(),
)
def test_nothing_speaks_against_growing_only_when_nothing_is_unread(end: dict[Any, int], data: st.DataObject) -> None:
    committed = {
        place: {group: data.draw(st.integers(0, until)) for group in growing.GROUPS[place[0]]}
        for place, until in end.items()
    }
    whole = all(at == end[place] for place, groups in committed.items() for at in groups.values())
    assert (problem_of([], unread({}, end, committed)) is None) == whole


def test_why_it_cannot_grow_is_one_line() -> None:
    member = Member(RECORDER, "recorder-0", "10.0.0.7", 2)
    assert problem_of([member], []) == (
        "processes are running: recorder-0 (verbatim-recorder, 10.0.0.7). Stop all of them first"
    )
    left = [Unread(RECORDER, TOKEN_CHUNKS, n, 1) for n in range(9)]
    said = problem_of([], left)
    assert said is not None and "and 5 more" in said and "replay lag" in said
    assert problem_of([], []) is None
