"""What those need who keep bytes outside the log: a store in which a blob's name is the SHA-256 of its bytes."""

from __future__ import annotations

from typing import Protocol

MAX_BLOB_BYTES = 64 * 1024 * 1024
"""The largest blob. What may come in one request is bounded by those who take it."""


class BlobError(Exception):
    """The root of what a store may raise. The message holds nothing of a blob's content."""


class BlobsUnavailable(BlobError):
    """The store cannot be reached, is full, or refuses us: trying again may help."""


class BlobMissing(BlobError):
    """There is no blob of this name, or it is damaged: trying again does not help."""


class BlobReader(Protocol):
    """Reads blobs."""

    async def get(self, sha256: str) -> bytes:
        """The bytes whose SHA-256 (hex) this is, checked. Raises BlobMissing, BlobsUnavailable."""


class BlobStore(BlobReader, Protocol):
    """Writes blobs too. Writing the same bytes again changes nothing."""

    async def put(self, content: bytes) -> str:
        """Keep these bytes; returns their name once they are durable. Raises BlobsUnavailable, ValueError above
        MAX_BLOB_BYTES."""
