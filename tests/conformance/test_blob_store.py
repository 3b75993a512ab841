"""One suite for blob stores: in a folder, in an S3 that runs here, and the fake of the unit tests."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path

import pytest

from infra.blobs.ports import MAX_BLOB_BYTES, BlobMissing, BlobStore, BlobsUnavailable
from infra.blobs.store import ObjectBlobs
from tests.fakes.memory_blobs import MemoryBlobs


@pytest.fixture(params=["folder", "s3", "fake"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "fake":
        return MemoryBlobs()
    if request.param == "folder":
        return ObjectBlobs(f"file://{tmp_path}/the%20blobs")
    bucket: str = request.getfixturevalue("s3_bucket")
    return ObjectBlobs(f"s3://{bucket}/{tmp_path.name}")


@pytest.mark.parametrize("content", [b"", b"\0", b"a picture" * 600_000], ids=["empty", "byte", "5 MB"])
async def test_what_was_put_is_got_by_its_digest(blobs: BlobStore, content: bytes) -> None:
    name = await blobs.put(content)
    assert name == sha256(content).hexdigest()
    assert await blobs.get(name) == content


async def test_the_same_bytes_are_one_blob_however_often_they_come(blobs: BlobStore) -> None:
    names = await asyncio.gather(*(blobs.put(b"one") for _ in range(8)), blobs.put(b"two"))
    assert len(set(names)) == 2
    assert await blobs.get(names[0]) == b"one" and await blobs.get(names[-1]) == b"two"


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65])
async def test_what_is_not_there_is_missing(blobs: BlobStore, name: str) -> None:
    with pytest.raises(BlobMissing):
        await blobs.get(name)
    await blobs.put(b"another")
    with pytest.raises(BlobMissing):
        await blobs.get(name)


async def test_a_blob_has_a_largest_size(blobs: BlobStore) -> None:
    with pytest.raises(ValueError, match=str(MAX_BLOB_BYTES)):
        await blobs.put(bytes(MAX_BLOB_BYTES + 1))


async def test_another_process_reads_what_one_has_put(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/blobs"
    reading = ObjectBlobs(url)
    with pytest.raises(BlobMissing):
        await reading.get("0" * 64)
    assert not (tmp_path / "blobs").exists()  # reading makes nothing
    name = await ObjectBlobs(url).put(b"later")
    assert await reading.get(name) == b"later"


async def test_a_damaged_blob_is_never_read(tmp_path: Path) -> None:
    blobs = ObjectBlobs(f"file://{tmp_path}")
    name = await blobs.put(b"what was sent")
    _damage(tmp_path / "sha256" / name[:2] / name)
    with pytest.raises(BlobMissing, match="damaged"):
        await blobs.get(name)


async def test_what_was_cut_short_is_written_again(tmp_path: Path) -> None:
    blobs = ObjectBlobs(f"file://{tmp_path}")
    name = await blobs.put(b"what was sent")
    (tmp_path / "sha256" / name[:2] / name).write_bytes(b"")
    assert await blobs.put(b"what was sent") == name
    assert await blobs.get(name) == b"what was sent"


async def test_a_blob_is_on_the_disk_before_its_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    name = await ObjectBlobs(f"file://{tmp_path}").put(b"kept")
    assert synced == [
        str(tmp_path / part) for part in (f"sha256/{name[:2]}/{name}", f"sha256/{name[:2]}", "sha256", "")
    ]


async def test_a_store_that_cannot_be_used_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where a folder must be")
    blobs = ObjectBlobs(f"file://{tmp_path}/blobs")
    with pytest.raises(BlobsUnavailable) as caught:
        await blobs.put(b"kept nowhere")
    assert "\n" not in str(caught.value) and "kept nowhere" not in str(caught.value)


def _damage(file: Path) -> None:
    assert file.is_file()
    file.write_bytes(b"what was seen")
