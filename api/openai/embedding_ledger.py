"""The ledger's record of a request for embeddings: one a key, however often the request comes.

The log may take two of a key, from two processes at once. Which stands first is known when the projections have
reached the second; so with a key its writer waits for that, and compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from api.consistency.commanding import IdempotencyKey, send
from api.consistency.ports import CommandLog, LogEnds, ReadProgress
from api.http.errors import KeyReused, behind, unavailable
from infra.crash_points import crash_point
from projections.embeddings.queries import EmbeddingRow
from schemas.envelope import Position
from schemas.usage import EmbeddingsComputed
from topics.catalogue import USAGE_RECORDS

SETTLE_S = 30.0
"""How long a request with a key waits to see that it was the first of its key."""


class EmbeddingReads(ReadProgress, Protocol):
    """Requests for embeddings in the projections."""

    async def embedding(self, embedding_id: str) -> EmbeddingRow | None:
        """The first record of this id; None: there is none, or it is not here yet. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPorts:
    """What the record needs. `wait_s`: how long a request waits for projections that are behind."""

    log: CommandLog
    reads: EmbeddingReads
    ends: LogEnds
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for embeddings under its key."""

    user_id: str
    embedding_id: str
    request_hash: str
    key: IdempotencyKey


async def earlier(ports: LedgerPorts, request: Request) -> EmbeddingRow | None:
    """The record that the key has already; None for a request without a key.

    Raises KeyReused for another body, LogUnavailable, StoreUnavailable, ApiError 503 for projections that are behind.
    """
    if not request.key.given:
        return None
    row = await ports.reads.embedding(request.embedding_id)
    if row is None:
        newest = await ports.ends.newest(USAGE_RECORDS, request.user_id)
        if newest and not await ports.reads.wait_for(newest, (), ports.wait_s):
            raise behind()
        row = await ports.reads.embedding(request.embedding_id)
    return _same(row, request)


async def record(ports: LedgerPorts, request: Request, event: EmbeddingsComputed) -> EmbeddingRow | None:
    """Produce the record; returns once the log has acknowledged it: the record of its key that came before, if any.

    Raises KeyReused if that was of another body; ApiError 503: it may have been accepted.
    """
    crash_point("api.before_embeddings")
    at = await send(ports.log, USAGE_RECORDS, request.user_id, event, request.key)
    crash_point("api.after_embeddings")
    if not request.key.given:
        return None
    first = await _first(ports, request, at)
    return first if first is not None and first.at_us != event.envelope.occurred_at_us else None


async def _first(ports: LedgerPorts, request: Request, at: Position) -> EmbeddingRow | None:
    if not await ports.reads.wait_for({(USAGE_RECORDS, at.partition): at.offset}, (), SETTLE_S):
        raise unavailable(
            "The embeddings were recorded, but it is not known yet whether the key was used before. Retry with the "
            f"header Idempotency-Key: {request.key.value}",
            code="projections_behind",
            headers={"Idempotency-Key": request.key.value},
        )
    return _same(await ports.reads.embedding(request.embedding_id), request)


def _same(row: EmbeddingRow | None, request: Request) -> EmbeddingRow | None:
    if row is not None and row.request_hash != request.request_hash:
        raise KeyReused
    return row
