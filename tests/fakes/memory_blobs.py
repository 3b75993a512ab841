"""The blob store's port, in memory."""

from __future__ import annotations

from hashlib import sha256

from infra.blobs.ports import MAX_BLOB_BYTES, BlobMissing, BlobsUnavailable


class MemoryBlobs:
    """Blobs as a test puts them. `away`: the store answers nobody."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.away = False

    async def put(self, content: bytes) -> str:
        if len(content) > MAX_BLOB_BYTES:
            raise ValueError(f"a blob has at most {MAX_BLOB_BYTES} bytes")
        self._answer()
        name = sha256(content).hexdigest()
        self.blobs[name] = content
        return name

    async def get(self, sha256: str) -> bytes:
        self._answer()
        if sha256 not in self.blobs:
            raise BlobMissing(f"the blob {sha256[:64]} is not in the blob store")
        return self.blobs[sha256]

    def _answer(self) -> None:
        if self.away:
            raise BlobsUnavailable("the blob store does not answer")
