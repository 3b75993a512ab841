"""usage-records: the ledger. Exactly one record a generation. Key: user_id."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope, Position, TimestampMicros
from schemas.generation import Usage


@dataclass(frozen=True, slots=True)
class UsageRecorded:
    """`outcome_type` is the outcome's record name; `cost_micros` millionths of `currency` at `price_version`."""

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
