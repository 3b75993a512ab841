"""usage-records -> usage. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from projections.order import first_wins, last_wins
from projections.rows import Put, RowChange, Unprojectable
from projections.usage.table import USAGE
from schemas.envelope import Position
from schemas.turns import TITLES
from schemas.usage import EmbeddingsComputed, UsageEntry, UsageRecorded, UsageRerated

EMBEDDINGS_COMPUTED = EmbeddingsComputed.__name__
"""The `outcome_type` of a request for embeddings."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def month_of(at_us: int) -> int:
    """The month of a time, in UTC, as 202611. Raises Unprojectable for a time beyond all calendars."""
    try:
        at = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        raise Unprojectable(f"ended_at_us {at_us} is not a valid time") from None
    return at.year * 100 + at.month


def fold(record: UsageEntry, position: Position) -> tuple[RowChange, ...]:
    """What a record changes: what is billed to nobody is in no user's ledger. Raises Unprojectable."""
    if isinstance(record, EmbeddingsComputed):
        return (_of_embeddings(record, position),)
    key = (record.user_id, month_of(record.ended_at_us), record.ended_at_us, record.generation_id)
    if isinstance(record, UsageRecorded) and record.price_version == TITLES:
        return ()
    if isinstance(record, UsageRerated):
        rerated = {
            "rerated_price_version": record.price_version,
            "rerated_cost_micros": record.cost_micros,
            "rerated_by": record.backfill,
        }
        return (Put(USAGE, key, rerated, last_wins(position)),)
    cells = {
        "conversation_id": record.conversation_id,
        "model": record.model,
        "outcome_type": record.outcome_type,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "cached_tokens": record.usage.cached_tokens,
        "reasoning_tokens": record.usage.reasoning_tokens,
        "estimated": record.usage.estimated,
        "price_version": record.price_version,
        "currency": record.currency,
        "cost_micros": record.cost_micros,
    }
    return (Put(USAGE, key, cells, first_wins(position)),)


def _of_embeddings(record: EmbeddingsComputed, position: Position) -> Put:
    at_us = record.envelope.occurred_at_us
    cells = {
        "conversation_id": "",
        "model": record.model,
        "outcome_type": EMBEDDINGS_COMPUTED,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "cached_tokens": record.usage.cached_tokens,
        "reasoning_tokens": record.usage.reasoning_tokens,
        "estimated": record.usage.estimated,
        "price_version": record.price.version,
        "currency": record.price.currency,
        "cost_micros": record.cost_micros,
    }
    return Put(USAGE, (record.user_id, month_of(at_us), at_us, record.embedding_id), cells, first_wins(position))
