from __future__ import annotations

import io
from collections.abc import Iterator

import avro.datafile
import avro.io
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.archived import CLUSTER, TOPIC, fill, flat, in_batches, memory_archive, records_of
from topics.archive.manifest import Span
from topics.archive.segment import SegmentWriter, described, read_segment
from topics.archive.writing import archive_records, goes_on_at
from topics.errors import DamagedArchive
from topics.log import RawRecord

headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=9)), max_size=3).map(tuple)


@st.composite
def logs(draw: st.DrawFn) -> list[RawRecord]:
    """Records of one partition, with gaps."""
    offset = draw(st.integers(0, 2**40))
    records = []
    for _ in range(draw(st.integers(0, 40))):
        offset += draw(st.integers(1, 5))
        records.append(
            RawRecord(
                TOPIC,
                0,
                offset,
                draw(st.integers(0, 2**42)),
                draw(st.none() | st.binary(max_size=9)),
                draw(st.none() | st.binary(max_size=200)),
                draw(headers),
            )
        )
    return records


@settings(max_examples=25)
@given(logs(), st.integers(0, 3), st.integers(4096, 9000), st.integers(1, 50), st.data())
def test_every_record_comes_back_as_it_was(
    records: list[RawRecord], gap: int, bound_bytes: int, size: int, data: st.DataObject
) -> None:
    archive = memory_archive()
    first = records[0].offset - 1 if records else 7
    until = records[-1].offset + 1 + gap if records else 7 + gap
    kept = list(archive_records(archive, TOPIC, 0, in_batches(records, size), first, until, bound_bytes))
    assert sum(manifest.count for manifest in kept) == len(records)
    if not kept:
        assert first == until
        return
    assert archive.held(TOPIC, 0) == (first, until)
    assert flat(archive.read(TOPIC, 0, first, until)) == records
    start = data.draw(st.integers(first, until))
    stop = data.draw(st.integers(start, until))
    assert flat(archive.read(TOPIC, 0, start, stop)) == [r for r in records if start <= r.offset < stop]
    again = memory_archive()
    list(archive_records(again, TOPIC, 0, in_batches(records), first, until, bound_bytes))
    for name in archive.objects.names(""):
        assert again.objects.get(name) == archive.objects.get(name)  # however the batches came: the same bytes


def test_another_avro_reader_reads_a_segment() -> None:
    records = records_of(0, 50, every=2)
    writer = SegmentWriter(CLUSTER, TOPIC, 0, 0, 4096)
    for record in records:
        writer.add(record)
    manifest, content = writer.finish(60)
    with avro.datafile.DataFileReader(io.BytesIO(content), avro.io.DatumReader()) as reader:
        assert reader.meta["verbatim.topic"] == TOPIC.encode()
        found = list(reader)
    assert [(row["offset"], row["timestamp_ms"], row["key"], row["value"]) for row in found] == [
        (record.offset, record.timestamp_ms, record.key, record.value) for record in records
    ]
    assert found[0]["headers"] == [{"name": "event-type", "value": b"Test"}, {"name": "nothing", "value": None}]
    assert (manifest.count, manifest.next) == (25, 60)
    assert (manifest.oldest_ms, manifest.newest_ms) == (records[0].timestamp_ms, records[-1].timestamp_ms)
    assert described(content, manifest.span, CLUSTER) == manifest


def test_offsets_that_do_not_ascend_are_never_written() -> None:
    writer = SegmentWriter(CLUSTER, TOPIC, 0, 10, 4096)
    for record in records_of(12, 14):
        writer.add(record)
    for offset in (9, 12, 13):
        with pytest.raises(ValueError, match="came after 13"):
            writer.add(records_of(offset, offset + 1)[0])


def segment(first: int, until: int) -> tuple[bytes, Span]:
    (manifest,) = fill(archive := memory_archive(), records_of(first, until), first, until, 1_000_000)
    return archive.objects.get(manifest.span.segment), manifest.span


@pytest.mark.parametrize(
    ("span", "cluster", "said"),
    [
        (Span(TOPIC, 0, 0, 20), "other", "its cluster is 'cluster-of-the-tests'"),
        (Span("other", 0, 0, 20), CLUSTER, "its topic is 'conversation-events'"),
        (Span(TOPIC, 1, 0, 20), CLUSTER, "its partition is '0'"),
        (Span(TOPIC, 0, 1, 20), CLUSTER, "its first is '0'"),
        (Span(TOPIC, 0, 0, 19), CLUSTER, "offset 19 does not belong there"),
    ],
)
def test_a_segment_under_a_false_name_is_refused(span: Span, cluster: str, said: str) -> None:
    content, _ = segment(0, 20)
    with pytest.raises(DamagedArchive, match=said):
        described(content, span, cluster)


@given(st.integers(0, 2**31), st.integers(0, 255))
def test_damage_of_any_byte_is_found_before_a_record_is_passed_on(at: int, byte: int) -> None:
    archive = memory_archive()
    (manifest,) = fill(archive, records_of(0, 20), 0, 20, 1_000_000)
    content = bytearray(archive.objects.get(manifest.span.segment))
    if content[at % len(content)] == byte:
        return
    content[at % len(content)] = byte
    with pytest.raises(DamagedArchive):
        next(read_segment(bytes(content), manifest))


def test_an_archive_goes_on_where_it_ends_if_the_topic_still_reaches_it() -> None:
    archive = memory_archive()
    assert goes_on_at(archive, TOPIC, 0, 7, 90) == 7
    fill(archive, records_of(7, 50), 7, 50)
    assert [goes_on_at(archive, TOPIC, 0, low, 90) for low in (0, 7, 50)] == [50, 50, 50]
    for low, high, said in ((51, 90, "the topic begins at 51"), (0, 49, "the topic already at 49")):
        with pytest.raises(DamagedArchive, match=said) as caught:
            goes_on_at(archive, TOPIC, 0, low, high)
        assert (caught.value.name, caught.value.offset) == (f"{TOPIC}/0", 50)


def test_what_stops_the_reading_leaves_whole_segments() -> None:
    archive = memory_archive()
    records = records_of(0, 300)

    def interrupted() -> Iterator[list[RawRecord]]:
        yield from in_batches(records[:200])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(archive_records(archive, TOPIC, 0, interrupted(), 0, 300, 4096))
    first, end = archive.held(TOPIC, 0)
    assert (first, 0 < end <= 200) == (0, True)
    assert flat(archive.read(TOPIC, 0, 0, end)) == records[:end]
