"""Reading the log as one, over every interleaving, gap and retention that a consumer may meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from tests.archived import flat, memory_archive
from topics.archive.reading import SegmentArchive
from topics.archive.writing import archive_records
from topics.epochs import Layout, Mark
from topics.errors import FatalLogError, LogUnavailable, OutOfRange
from topics.log import Log, RawRecord

TOPIC = "conversation-events"


@dataclass
class Heard:
    """A record, or an error, as librdkafka hands it out."""

    n: int
    at: int
    code: int | None = None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self.n

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)

    def timestamp(self) -> tuple[int, int]:
        return 2, 1000 * self.at

    def key(self) -> bytes:
        return b"%d" % self.n

    def value(self) -> bytes:
        return b"%d" % self.at

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("at", b"%d" % self.at), ("none", None)]

    def record(self) -> RawRecord:
        return RawRecord(TOPIC, self.n, self.at, 1000 * self.at, self.key(), self.value(), tuple(self.headers()))


@dataclass
class ScriptedConsumer:
    """A broker and its client in one: partitions with gaps, delivered in any order, while retention goes on."""

    offsets: list[list[int]]
    """Of each partition the offsets that have a record."""
    high: list[int]
    chance: Random
    retention: list[list[int]] = field(default_factory=list)
    """Of each partition what its first offset becomes, one after another, at any moment."""
    fails_with: int | None = None
    seams: tuple[int, ...] = ()

    def list_topics(self, timeout: float) -> Any:
        marks = [Mark(TOPIC, epoch, first).name for epoch, first in enumerate(self.seams, 1)]
        counts = {TOPIC: len(self.high), **dict.fromkeys(marks, 1)}
        return SimpleNamespace(topics={name: SimpleNamespace(partitions=range(n)) for name, n in counts.items()})

    def __post_init__(self) -> None:
        self.low = [0] * len(self.high)
        self.at: dict[int, int] = {}
        self.ended: set[int] = set()

    def get_watermark_offsets(self, place: TopicPartition, **_: Any) -> tuple[int, int]:
        return self.low[place.partition], self.high[place.partition]

    def assign(self, places: list[TopicPartition]) -> None:
        self.at = {place.partition: place.offset for place in places}
        self.ended = set()

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        for place in places:
            del self.at[place.partition]

    def unassign(self) -> None:
        self.at = {}

    def poll(self, _: float) -> Heard | None:
        for n, steps in enumerate(self.retention):
            if steps and self.chance.random() < 0.2:
                self.low[n] = steps.pop(0)
        waiting = sorted(set(self.at) - self.ended)
        if not waiting or self.chance.random() < 0.1:
            return None
        if self.chance.random() < 0.1:
            return Heard(0, -1001, KafkaError._ALL_BROKERS_DOWN)
        if self.fails_with is not None:
            return Heard(0, -1001, self.fails_with)
        n = self.chance.choice(waiting)
        if self.at[n] < self.low[n]:
            self.ended.add(n)
            return Heard(n, -1001, KafkaError._AUTO_OFFSET_RESET)
        found = next((offset for offset in self.offsets[n] if offset >= self.at[n]), None)
        if found is None:
            self.ended.add(n)
            return Heard(n, self.high[n], KafkaError._PARTITION_EOF)
        if self.chance.random() > 0.05:  # else it comes again, as if an earlier assignment's were still queued
            self.at[n] = found + 1
        return Heard(n, found)

    def consume(self, _: int, __: float) -> list[Heard]:
        return [heard for heard in (self.poll(0) for _ in range(self.chance.randrange(6))) if heard is not None]

    def close(self) -> None:
        return None


def opened(consumer: ScriptedConsumer, archive: SegmentArchive | None) -> Log:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topics.log.assigned_consumer", lambda *_, **__: consumer)
        return Log({}, archive, headers=True)


@st.composite
def consumers(draw: st.DrawFn, *, retention: bool) -> ScriptedConsumer:
    high = draw(st.lists(st.integers(0, 25), min_size=1, max_size=3))
    offsets = [sorted(draw(st.sets(st.integers(0, end - 1)))) if end else [] for end in high]
    steps = [sorted(draw(st.lists(st.integers(0, end), max_size=3))) if retention else [] for end in high]
    return ScriptedConsumer(offsets, high, Random(draw(st.integers(0, 10**6))), steps)


def expected(consumer: ScriptedConsumer, n: int, start: int, stop: int) -> list[RawRecord]:
    return [Heard(n, offset).record() for offset in consumer.offsets[n] if start <= offset < stop]


@given(consumers(retention=False), st.data())
def test_every_record_of_the_span_comes_once_and_in_order(consumer: ScriptedConsumer, data: st.DataObject) -> None:
    stop = {(TOPIC, n): data.draw(st.integers(0, end)) for n, end in enumerate(consumer.high)}
    start = {place: data.draw(st.integers(0, until)) for place, until in stop.items()}
    log = opened(consumer, None)
    records = flat(log.read(start, stop))
    for (_, n), until in stop.items():
        assert [r for r in records if r.partition == n] == expected(consumer, n, start[TOPIC, n], until)
    assert consumer.at == {}


@given(consumers(retention=False), st.data())
def test_an_older_epoch_is_read_before_a_newer_one(consumer: ScriptedConsumer, data: st.DataObject) -> None:
    consumer.seams = tuple(sorted(data.draw(st.sets(st.integers(1, max(len(consumer.high) - 1, 1)), max_size=2))))
    consumer.seams = tuple(seam for seam in consumer.seams if seam < len(consumer.high))
    stop = {(TOPIC, n): end for n, end in enumerate(consumer.high)}
    records = flat(opened(consumer, None).read({}, stop))
    epochs = [Layout(len(consumer.high), consumer.seams).epoch_of(record.partition) for record in records]
    assert epochs == sorted(epochs)
    for n, end in enumerate(consumer.high):
        assert [r for r in records if r.partition == n] == expected(consumer, n, 0, end)


@given(consumers(retention=True), st.data())
def test_whatever_retention_takes_comes_from_the_archive_or_is_missed(
    consumer: ScriptedConsumer, data: st.DataObject
) -> None:
    archive = memory_archive()
    kept = [data.draw(st.integers(0, end)) for end in consumer.high]
    for n, end in enumerate(kept):
        list(archive_records(archive, TOPIC, n, [expected(consumer, n, 0, end)], 0, end, 1_000_000))
    stop = {(TOPIC, n): end for n, end in enumerate(consumer.high)}
    records: list[RawRecord] = []
    try:
        for batch in opened(consumer, archive).read({}, stop):
            records += batch
        whole = True
    except OutOfRange:
        # Only if something was in neither: retention went beyond the archive.
        assert any(low > end for low, end in zip(consumer.low, kept, strict=True))
        whole = False
    for n, end in enumerate(consumer.high):
        mine = [r for r in records if r.partition == n]
        assert mine == expected(consumer, n, 0, end)[: None if whole else len(mine)]


@pytest.mark.parametrize("seams", [(), (1,)])
@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (0, 11), (3, 10)])
def test_what_is_not_held_is_refused_before_the_first_record(start: int, stop: int, seams: tuple[int, ...]) -> None:
    consumer = ScriptedConsumer([list(range(10))] * 2, [10, 10], Random(1), seams=seams)
    consumer.low[1] = 4
    with pytest.raises(OutOfRange):
        next(opened(consumer, None).read({(TOPIC, 0): 0, (TOPIC, 1): start}, {(TOPIC, 0): 5, (TOPIC, 1): stop}))
    assert consumer.at == {}


def test_what_does_not_mend_itself_ends_the_reading() -> None:
    consumer = ScriptedConsumer([[0]], [1], Random(1), fails_with=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(FatalLogError, match="reading the log failed"):
        flat(opened(consumer, None).read({}, {(TOPIC, 0): 1}))


def test_a_broker_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = ScriptedConsumer([[0]], [1], Random(1))
    monkeypatch.setattr(consumer, "poll", lambda _: None)
    monkeypatch.setattr("topics.held_spans._SILENCE_S", 0.0)
    with pytest.raises(LogUnavailable, match=rf"{TOPIC}\[0\] sent nothing for 0 s at 0"):
        flat(opened(consumer, None).read({}, {(TOPIC, 0): 1}))


def test_the_first_offset_is_the_archive_s_only_where_it_joins() -> None:
    consumer = ScriptedConsumer([list(range(10))], [10], Random(1))
    for low, kept, first in ((0, 5, 0), (5, 5, 0), (4, 5, 0), (6, 5, 6), (6, 0, 6)):
        consumer.low[0] = low
        archive = memory_archive()
        list(archive_records(archive, TOPIC, 0, [expected(consumer, 0, 0, kept)], 0, kept, 1_000_000))
        assert opened(consumer, archive).held({TOPIC: 1}) == ({(TOPIC, 0): first}, {(TOPIC, 0): 10})
