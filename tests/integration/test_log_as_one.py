"""Topics and their archive, read as one log, on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.settings import Settings
from tests.archived import flat, memory_archive
from tests.eventually import eventually_sync
from tests.scratch_topic import ScratchTopic, scratch_topic
from topics.archive.reading import SegmentArchive
from topics.archive.writing import archive_records
from topics.cuts import Cut
from topics.errors import DamagedArchive, OutOfRange
from topics.log import Log, RawRecord, cluster_id

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
# A reader that reads only a little ahead, so that retention can be quicker.
HAND_TO_MOUTH = {
    "queued.max.messages.kbytes": "64",
    "queued.min.messages": "100",
    "message.max.bytes": "65536",
    "fetch.max.bytes": "65536",
    "fetch.message.max.bytes": "65536",
}


@pytest.fixture
def topic(servers: Settings) -> Iterator[ScratchTopic]:
    with scratch_topic(servers.kafka.client_properties()) as made:
        yield made


def at(topic: ScratchTopic, zero: int, one: int) -> Cut:
    return {(topic.name, 0): zero, (topic.name, 1): one}


def archived(topic: ScratchTopic, until: int) -> SegmentArchive:
    """An archive of both partitions up to an offset."""
    archive = memory_archive(cluster_id(topic.properties))
    with closing(Log(topic.properties, headers=True)) as log:
        for place, end in at(topic, until, until).items():
            batches = log.read({}, {place: end})
            assert list(archive_records(archive, *place, batches, 0, end, 64 * 1024))
    return archive


def by_partition(records: list[RawRecord]) -> list[list[RawRecord]]:
    return [[record for record in records if record.partition == n] for n in (0, 1)]


def test_partitions_are_read_whole_in_order_and_up_to_the_cut(topic: ScratchTopic) -> None:
    topic.write(6000)
    with closing(Log(topic.properties, headers=True)) as log:
        first, end = log.held(topic.partitions)
        assert (first, end) == (at(topic, 0, 0), at(topic, 3000, 3000))
        records = flat(log.read({}, end))
        assert len(records) == 6000
        for n, part in enumerate(by_partition(records)):
            assert [record.offset for record in part] == list(range(3000))
            assert [record.key for record in part] == [b"key-%d" % (2 * offset + n) for offset in range(3000)]
            assert part[3 - n * 3 or 0].value is not None
        assert records[0].headers == (("number", b"0"), ("nothing", None)) or records[0].partition == 1
        assert {record.headers for record in records if int((record.key or b"")[4:]) % 3} == {()}
        some = by_partition(flat(log.read(at(topic, 2990, 5), at(topic, 2995, 7))))
        assert [[record.offset for record in part] for part in some] == [list(range(2990, 2995)), [5, 6]]
        assert flat(log.read(at(topic, 10, 0), {(topic.name, 0): 10})) == []
    with closing(Log(topic.properties)) as log:
        assert {record.headers for batch in log.read({}, end) for record in batch} == {()}


def test_an_abandoned_reading_does_not_disturb_the_next(topic: ScratchTopic) -> None:
    topic.write(4000)
    with closing(Log(topic.properties)) as log:
        abandoned = log.read({}, at(topic, 2000, 2000))
        next(abandoned)
        other = log.read({}, at(topic, 500, 2000))
        seen = len(next(other))
        abandoned.close()
        assert seen + sum(map(len, other)) == 2500


def test_gaps_do_not_hold_a_reader_up(topic: ScratchTopic) -> None:
    """A transaction's marker takes an offset that no record has: in the middle, and at the end."""
    topic.write(20, transactional=True)
    topic.write(20)
    topic.write(20, transactional=True)
    with closing(Log(topic.properties, headers=True)) as log:
        eventually_sync(lambda: log.held(topic.partitions)[1] == at(topic, 32, 32))
        parts = by_partition(flat(log.read({}, at(topic, 32, 32))))
        for part in parts:
            offsets = [record.offset for record in part]
            assert len(offsets) == 30 and offsets == sorted(set(offsets)) and 31 not in offsets
            (gap,) = set(range(31)) - set(offsets)
            upto = flat(log.read({}, {(topic.name, part[0].partition): gap + 1}))
            assert [record.offset for record in upto] == list(range(gap))
    archive = archived(topic, 32)
    assert [flat(archive.read(topic.name, n, 0, 32)) for n in (0, 1)] == parts


def test_what_the_log_does_not_hold_is_out_of_range(topic: ScratchTopic) -> None:
    with closing(Log(topic.properties)) as log:
        assert log.held(topic.partitions) == (at(topic, 0, 0), at(topic, 0, 0))
        assert flat(log.read({}, at(topic, 0, 0))) == []
        assert log.at(topic.partitions, 0) == at(topic, 0, 0)
        topic.write(200)
        topic.trim(1, 30)
        assert log.held(topic.partitions)[0] == at(topic, 0, 30)
        for start, stop in (
            (at(topic, 0, 30), at(topic, 101, 100)),
            (at(topic, -1, 30), at(topic, 100, 100)),
            (at(topic, 0, 29), at(topic, 100, 100)),
        ):
            with pytest.raises(OutOfRange):
                next(log.read(start, stop))
        assert len(flat(log.read(at(topic, 0, 30), at(topic, 100, 100)))) == 170


def test_what_retention_takes_while_it_is_read_is_missed_or_comes_from_the_archive(
    topic: ScratchTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A first batch may otherwise hold all there is: librdkafka goes on fetching while it is taken.
    monkeypatch.setattr("topics.held_spans.BATCH", 50)
    topic.write(4000, size=400)
    archive = archived(topic, 1800)
    with closing(Log({**topic.properties, **HAND_TO_MOUTH})) as log:
        reading = log.read({}, at(topic, 2000, 2000))
        next(reading)
        topic.trim(0, 1800)
        with pytest.raises(OutOfRange, match="holds offsets 1800 to 1999"):
            flat(reading)
    with closing(Log({**topic.properties, **HAND_TO_MOUTH}, archive)) as log:
        reading = log.read({}, at(topic, 2000, 2000))
        records = next(reading)
        topic.trim(1, 1800)
        records += flat(reading)
        for part in by_partition(records):
            assert [record.offset for record in part] == list(range(2000))


def test_the_archive_and_the_topic_are_one_log(topic: ScratchTopic) -> None:
    topic.write(3000)
    with closing(Log(topic.properties, headers=True)) as log:
        before = by_partition(flat(log.read({}, at(topic, 1500, 1500))))
        archive = archived(topic, 1200)
    topic.trim(0, 1000)
    topic.trim(1, 1200)
    with closing(Log(topic.properties, archive, headers=True)) as log:
        assert log.held(topic.partitions) == (at(topic, 0, 0), at(topic, 1500, 1500))
        assert by_partition(flat(log.read({}, at(topic, 1500, 1500)))) == before
        assert by_partition(flat(log.read(at(topic, 990, 10), at(topic, 1010, 20)))) == [
            before[0][990:1010],
            before[1][10:20],
        ]
    with closing(Log(topic.properties)) as log:
        assert log.held(topic.partitions)[0] == at(topic, 1000, 1200)


def test_an_archive_that_does_not_reach_the_topic_does_not_hide_the_gap(topic: ScratchTopic) -> None:
    topic.write(400)
    archive = archived(topic, 100)
    topic.trim(0, 150)
    with closing(Log(topic.properties, archive)) as log:
        assert log.held(topic.partitions)[0] == at(topic, 150, 0)
        with pytest.raises(OutOfRange):
            next(log.read({}, at(topic, 200, 200)))
        assert len(flat(log.read({}, {(topic.name, 0): 100}))) == 100  # all of that is there


def test_a_damaged_segment_is_named_with_its_offset(topic: ScratchTopic) -> None:
    topic.write(2000, size=400)
    archive = archived(topic, 1000)
    span = archive.spans(topic.name, 0)[-1]
    archive.objects.remove(span.segment)
    topic.trim(0, 1000)
    with closing(Log(topic.properties, archive)) as log:
        with pytest.raises(DamagedArchive, match=span.segment) as caught:
            flat(log.read({}, at(topic, 1000, 1000)))
        assert caught.value.offset == span.first


def test_a_time_is_a_cut_wherever_its_records_are(topic: ScratchTopic) -> None:
    for _ in range(3):
        topic.write(200)

    with closing(Log(topic.properties)) as log:
        records = by_partition(flat(log.read({}, at(topic, 300, 300))))
        times = sorted({record.timestamp_ms for part in records for record in part})
        expected = {
            ms: at(topic, *(sum(record.timestamp_ms < ms for record in part) for part in records))
            for ms in (0, *times, *(ms + 1 for ms in times))
        }
        assert {ms: log.at(topic.partitions, ms) for ms in expected} == expected
    archive = archived(topic, 300)
    topic.trim(0, 120)
    topic.trim(1, 300)
    with closing(Log(topic.properties, archive)) as log:
        assert {ms: log.at(topic.partitions, ms) for ms in expected} == expected
