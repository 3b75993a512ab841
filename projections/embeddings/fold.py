"""usage-records -> embeddings. Pure."""

from __future__ import annotations

from projections.embeddings.table import EMBEDDINGS
from projections.order import first_wins
from projections.rows import Put, RowChange
from schemas.envelope import Position
from schemas.usage import EmbeddingsComputed, UsageEntry


def fold(record: UsageEntry, position: Position) -> tuple[RowChange, ...]:
    """What a record changes: nothing, unless it is of a request for embeddings."""
    if not isinstance(record, EmbeddingsComputed):
        return ()
    cells = {
        "user_id": record.user_id,
        "request_hash": record.request_hash,
        "at_us": record.envelope.occurred_at_us,
        "model": record.model,
        "prompt_tokens": record.usage.prompt_tokens,
        "estimated": record.usage.estimated,
    }
    return (Put(EMBEDDINGS, (record.embedding_id,), cells, first_wins(position)),)
