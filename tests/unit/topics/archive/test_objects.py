from __future__ import annotations

import os
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError

from topics.archive.objects import open_objects
from topics.errors import ArchiveUnavailable


@pytest.mark.parametrize(
    "url", ["", "x", "/a/folder", "file://host/x", "file:///", "http://x/y", "s3://", "memory:///"]
)
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(
        ArchiveUnavailable, match="is not the archive's location: use file:///FOLDER or s3://BUCKET/PREFIX"
    ):
        open_objects(url)


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = open_objects(f"file://{tmp_path}/new/archive", create=True)

    def full(*_: object, **__: object) -> None:
        raise GenericError(
            "Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"
            "\n\nDebug source:\nGeneric {…}"
        )

    monkeypatch.setattr(obstore, "put", full)
    with pytest.raises(
        ArchiveUnavailable, match="is full: a/0/x was not written, and nothing of it was kept"
    ) as caught:
        objects.put("a/0/x", b"")
    assert "\n" not in str(caught.value)


def test_other_trouble_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = open_objects(f"file://{tmp_path}")
    (tmp_path / "a").write_text("a file where a folder must be")
    with pytest.raises(ArchiveUnavailable, match=r"failed at a/0/x: .*Not a directory") as caught:
        objects.put("a/0/x", b"")
    assert "\n" not in str(caught.value) and "Debug" not in str(caught.value)


def test_a_folder_that_is_not_there_is_made_only_for_writing(tmp_path: Path) -> None:
    assert open_objects(f"file://{tmp_path}/archive").names("") == []
    assert not (tmp_path / "archive").exists()
    open_objects(f"file://{tmp_path}/archive", create=True)
    assert (tmp_path / "archive").is_dir()


def test_what_a_killed_writer_left_half_goes_after_a_day(tmp_path: Path) -> None:
    objects = open_objects(f"file://{tmp_path}", create=True)
    objects.put("a/0/x.avro", b"whole")
    old, new = tmp_path / "a/0/y.avro#1", tmp_path / "a/0/z.avro#12"
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))
    open_objects(f"file://{tmp_path}")
    assert old.exists()
    open_objects(f"file://{tmp_path}", create=True)
    assert (old.exists(), new.exists()) == (False, True)
    assert objects.names("") == ["a/0/x.avro"]
