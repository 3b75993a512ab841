"""One suite for archives: in a folder, and in an S3 that runs here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archived import CLUSTER, SMALL, TOPIC, fill, flat, in_batches, records_of, replace
from topics.archive.objects import Objects, open_objects
from topics.archive.reading import SegmentArchive
from topics.archive.writing import archive_records
from topics.errors import ArchiveUnavailable, DamagedArchive, OutOfRange


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return f"file://{tmp_path}/the%20archive"
    bucket: str = request.getfixturevalue("s3_bucket")
    return f"s3://{bucket}/{tmp_path.name}"


@pytest.fixture
def objects(url: str) -> Objects:
    return open_objects(url, create=True)


@pytest.fixture
def archive(objects: Objects) -> SegmentArchive:
    return SegmentArchive(objects, CLUSTER)


class Killed(BaseException):
    """Stands for kill -9: nobody catches it."""


class Mortal(Objects):
    """Objects whose user is killed before or after its n-th change."""

    def __init__(self, objects: Objects, changes: int, *, after: bool) -> None:
        self.__dict__.update(objects.__dict__)
        self._left = changes
        self._after = after

    def put(self, name: str, content: bytes | memoryview) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        created = super().put(name, content)
        if self._left == 0:
            raise Killed
        return created


def test_an_object_is_written_once(objects: Objects) -> None:
    assert objects.put("a/0/one", b"first")
    assert not objects.put("a/0/one", b"other")
    assert objects.get("a/0/one") == b"first"
    assert objects.put("a/0/two", b"") and objects.put("a/1/three", b"x" * 6_000_000)
    assert objects.names("a/0") == ["a/0/one", "a/0/two"]
    assert objects.names("") == ["a/0/one", "a/0/two", "a/1/three"]
    assert objects.names("nothing") == []
    assert objects.get("a/1/three") == b"x" * 6_000_000
    objects.remove("a/0/one")
    with pytest.raises(FileNotFoundError):
        objects.get("a/0/one")


def test_what_is_archived_is_read_again(archive: SegmentArchive, url: str) -> None:
    records = records_of(0, 300)
    kept = fill(archive, records, 0, 300)
    assert len(kept) > 3 and [m.first for m in kept[1:]] == [m.next for m in kept[:-1]]
    assert all(manifest.bytes < 2 * SMALL for manifest in kept)
    again = SegmentArchive(open_objects(url), CLUSTER)
    assert again.held(TOPIC, 0) == (0, 300)
    assert again.held(TOPIC, 1) == again.held("other", 0) == (0, 0)
    assert again.partitions() == [(TOPIC, 0)]
    assert flat(again.read(TOPIC, 0, 0, 300)) == records
    assert flat(again.read(TOPIC, 0, 17, 231)) == records[17:231]
    assert again.at(TOPIC, 0, records[123].timestamp_ms) == 123
    assert again.at(TOPIC, 0, records[123].timestamp_ms + 1) == 124
    assert again.at(TOPIC, 0, 0) == 0
    assert again.at(TOPIC, 0, records[-1].timestamp_ms + 1) is None


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("changes", [1, 2, 3, 4, 5])
def test_killed_anywhere_it_goes_on_where_it_stopped(objects: Objects, changes: int, after: bool) -> None:
    records = records_of(0, 150)
    archive = SegmentArchive(objects, CLUSTER)
    mortal = SegmentArchive(Mortal(objects, changes, after=after), CLUSTER)
    with pytest.raises(Killed):
        fill(mortal, records, 0, 150)
    end = archive.held(TOPIC, 0)[1]
    assert len(archive.spans(TOPIC, 0)) == (changes if after else changes - 1) // 2
    assert flat(archive.read(TOPIC, 0, 0, end)) == records[:end] if end else True
    fill(archive, records[end:], end, 150)
    assert archive.held(TOPIC, 0) == (0, 150)
    assert flat(archive.read(TOPIC, 0, 0, 150)) == records


def test_two_archivers_at_once_are_harmless(archive: SegmentArchive) -> None:
    records = records_of(0, 200)
    one = archive_records(archive, TOPIC, 0, in_batches(records[:180]), 0, 180, SMALL)
    other = archive_records(archive, TOPIC, 0, in_batches(records, 7), 0, 200, 2 * SMALL)
    for _ in range(50):
        next(one, None)
        next(other, None)
    assert len(archive.spans(TOPIC, 0)) > 3
    assert archive.held(TOPIC, 0) == (0, 200)
    assert flat(archive.read(TOPIC, 0, 0, 200)) == records
    fill(archive, records, 0, 200)
    assert flat(archive.read(TOPIC, 0, 0, 200)) == records


def test_a_segment_is_never_overwritten_by_other_records(archive: SegmentArchive) -> None:
    records = records_of(0, 20)
    (manifest,) = fill(archive, records, 0, 20, 1_000_000)
    others = [*records[:19], records_of(19, 20, size=50)[0]]
    with pytest.raises(DamagedArchive, match="other records than the topic"):
        fill(archive, others, 0, 20, 1_000_000)
    assert flat(archive.read(TOPIC, 0, 0, 20)) == records
    assert manifest.count == 20


def test_a_segment_without_manifest_does_not_count_and_is_completed(archive: SegmentArchive) -> None:
    records = records_of(0, 20)
    (manifest,) = fill(archive, records, 0, 20, 1_000_000)
    content = archive.objects.get(manifest.span.segment)
    for left_behind in (content, content[:200], b""):
        archive.objects.remove(manifest.span.manifest)
        replace(archive, manifest.span.segment, left_behind)
        assert archive.held(TOPIC, 0) == (0, 0)
        assert fill(archive, records, 0, 20, 1_000_000) == [manifest]
        assert flat(archive.read(TOPIC, 0, 0, 20)) == records


def test_damage_is_named_and_nothing_of_the_segment_is_passed_on(archive: SegmentArchive) -> None:
    records = records_of(0, 300)
    span = fill(archive, records, 0, 300)[2].span
    content = archive.objects.get(span.segment)
    manifest = archive.objects.get(span.manifest)
    damages = [
        (span.segment, content[:-1], "it was cut or replaced"),
        (span.segment, content[:900] + bytes([content[900] ^ 4]) + content[901:], "its bytes were changed"),
        (span.segment, None, "it is missing"),
        (span.manifest, manifest.replace(b'"count":', b'"count":1'), "its checksum does not fit"),
        (span.manifest, b"{", "not a manifest of ours"),
    ]
    for name, instead, said in damages:
        archive.objects.remove(name)
        if instead is not None:
            archive.objects.put(name, instead)
        seen = []
        with pytest.raises(DamagedArchive, match=said) as caught:
            for batch in archive.read(TOPIC, 0, 0, 300):
                seen += batch
        assert (caught.value.name, caught.value.offset) == (name, span.first)
        assert name in str(caught.value) and f"offset {span.first}" in str(caught.value)
        assert seen == records[: span.first]
        if instead is not None:
            archive.objects.remove(name)
        archive.objects.put(name, content if name == span.segment else manifest)
    assert flat(archive.read(TOPIC, 0, 0, 300)) == records


def test_a_missing_part_in_the_middle_is_named(archive: SegmentArchive) -> None:
    spans = [manifest.span for manifest in fill(archive, records_of(0, 300), 0, 300)]
    for name in (spans[1].segment, spans[1].manifest):
        archive.objects.remove(name)
    for look in (lambda: archive.held(TOPIC, 0), lambda: flat(archive.read(TOPIC, 0, 0, 10))):
        with pytest.raises(DamagedArchive, match="this part is missing") as caught:
            look()
        assert (caught.value.name, caught.value.offset) == (spans[1].segment, spans[1].first)


def test_what_is_not_kept_is_out_of_range(archive: SegmentArchive) -> None:
    fill(archive, records_of(100, 200), 100, 200)
    for start, stop in ((99, 150), (150, 201), (-1, 150)):
        with pytest.raises(OutOfRange):
            next(archive.read(TOPIC, 0, start, stop))


def test_an_archive_of_another_cluster_is_refused(archive: SegmentArchive) -> None:
    fill(archive, records_of(0, 20), 0, 20)
    foreign = SegmentArchive(archive.objects, "another")
    for look in (lambda: foreign.held(TOPIC, 0), lambda: flat(foreign.read(TOPIC, 0, 0, 20))):
        with pytest.raises(DamagedArchive, match=f"cluster {CLUSTER}, the log is that of another"):
            look()


def test_a_store_that_is_not_there_is_one_clear_line(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if url.startswith("s3"):
        broken = open_objects("s3://no-such-bucket/x", create=True)
        with pytest.raises(ArchiveUnavailable, match="bucket") as caught:
            broken.put("a/0/x", b"")
        with pytest.raises(ArchiveUnavailable, match="bucket"):
            broken.names("a")
    else:
        (tmp_path / "file").write_text("x")
        assert open_objects(f"file://{tmp_path}/not-there").names("") == []
        with pytest.raises(ArchiveUnavailable) as caught:
            open_objects(f"file://{tmp_path}/file/below", create=True)
    assert "\n" not in str(caught.value)
