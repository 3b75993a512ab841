"""usage-records: the ledger. Key: user_id.

Exactly one UsageRecorded per generation, and its re-ratings; one EmbeddingsComputed per request for embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope, Position, TimestampMicros
from schemas.families import members
from schemas.price import Attribution, Price, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded:
    """`outcome_type` is the outcome's record name; `cost_micros` millionths of `currency` at `price_version`.

    `attribution`: who asked and who pays; None: the user. `unbilled_tokens`: of the answer, beyond the lease that it
    ran on: they are in `usage` and not in `cost_micros`.
    """

    envelope: Envelope
    user_id: str
    conversation_id: str
    generation_id: str
    model: str
    outcome_type: str
    usage: Usage
    price_version: str
    currency: str
    cost_micros: int
    outcome: Position
    ended_at_us: TimestampMicros
    attribution: Attribution | None = None
    unbilled_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRerated:
    """The same tokens at another price, by backfill `backfill`. The newest one counts; nothing is deleted.

    `superseded_price_version` and `superseded_cost_micros` are what the outcome at `outcome` was billed at.
    `attribution` as in UsageRecorded.
    """

    envelope: Envelope
    user_id: str
    conversation_id: str
    generation_id: str
    model: str
    usage: Usage
    price_version: str
    currency: str
    cost_micros: int
    superseded_price_version: str
    superseded_cost_micros: int
    outcome: Position
    ended_at_us: TimestampMicros
    backfill: str
    attribution: Attribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsComputed:
    """A request for embeddings was computed: what it is billed. Of records with one `embedding_id` the first counts.

    `cost_micros` millionths of the price's currency. `texts`: how many; `dimensions`: of each vector.
    `request_hash`: of what was asked for; a key that is used again is recognised by it. Neither texts nor vectors are
    recorded. `attribution` as in UsageRecorded.
    """

    envelope: Envelope
    user_id: str
    embedding_id: str
    model: str
    model_version: str
    texts: int
    dimensions: int
    usage: Usage
    price: Price
    cost_micros: int
    request_hash: str = ""
    attribution: Attribution | None = None


UsageEntry = UsageRecorded | UsageRerated | EmbeddingsComputed
RECORDS = members(UsageEntry)
