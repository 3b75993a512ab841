"""What readers ask about requests for embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from projections.reading import Tables
from schemas.price import Usage

_NAME = "embeddings"
_ONE = "SELECT user_id, request_hash, at_us, model, prompt_tokens, estimated FROM {embeddings} WHERE embedding_id = ?"


@dataclass(frozen=True, slots=True)
class EmbeddingRow:
    """The first record of a request for embeddings."""

    user_id: str
    request_hash: str
    at_us: int
    model: str
    usage: Usage


async def embedding(tables: Tables, embedding_id: str) -> EmbeddingRow | None:
    """The request; None: there is none, or it is not in the tables yet."""
    row = await tables.one(_NAME, _ONE, (embedding_id,))
    if row is None or row[0] is None:
        return None
    user_id, request_hash, at_us, model, tokens, estimated = row
    return EmbeddingRow(user_id, request_hash, at_us, model, Usage(tokens, 0, estimated=bool(estimated)))
