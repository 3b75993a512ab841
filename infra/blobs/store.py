"""Blobs in a folder or in S3: `sha256/ab/abcdef…` is the object with that digest."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from infra.blobs.ports import MAX_BLOB_BYTES, BlobMissing, BlobsUnavailable
from infra.objects import Objects, Use, open_store
from infra.settings import Settings

MAX_AT_ONCE = 4
"""Reads and writes of one process at once: each takes a thread."""
STORE = Use("blob store", BlobsUnavailable, retries=2, retry_s=10, request_s=30)
_HEX = frozenset("0123456789abcdef")


def blobs_url(settings: Settings) -> str:
    """Where an installation keeps its blobs: `blobs.url`, else the folder `blobs` of its state folder."""
    return settings.blobs.url or f"file://{quote(str(blobs_folder(settings.state)))}"


def blobs_folder(state: Path) -> Path:
    """The folder of an installation that names no other place."""
    return state.absolute() / "blobs"


class ObjectBlobs:
    """The BlobStore of infra.blobs.ports, in an object store. A folder is made with the first blob."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._objects: Objects | None = None
        self._made = False
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def put(self, content: bytes) -> str:
        if len(content) > MAX_BLOB_BYTES:
            raise ValueError(f"a blob has at most {MAX_BLOB_BYTES} bytes")
        async with self._slots:
            return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            raise BlobMissing("this is not the name of a blob")
        async with self._slots:
            return await asyncio.to_thread(self._get, sha256)

    def _put(self, content: bytes) -> str:
        name = sha256(content).hexdigest()
        if not self._made:
            self._objects, self._made = open_store(self._url, STORE, create=True), True
        objects, path = self._opened(), _path(name)
        if objects.put(path, content):
            return name
        with suppress(FileNotFoundError):  # another process is doing the same
            if objects.size(path) == len(content):
                return name
            # A machine that lost its power may leave a part of a file under its whole name.
            objects.remove(path)
        objects.put(path, content)
        return name

    def _get(self, name: str) -> bytes:
        try:
            content = self._opened().get(_path(name))
        except FileNotFoundError:
            raise BlobMissing(f"the blob {name} is not in the blob store") from None
        if sha256(content).hexdigest() != name:
            raise BlobMissing(f"the blob {name} is damaged: its bytes have another digest")
        return content

    def _opened(self) -> Objects:
        """The objects. A folder that is not there yet is looked for again: another process makes it."""
        objects = self._objects or open_store(self._url, STORE)
        if objects.are_kept:
            self._objects = objects
        return objects


def _path(name: str) -> str:
    return f"sha256/{name[:2]}/{name}"
