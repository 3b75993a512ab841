"""Budgets in a simulated run: how one is set, and the check of what came of it by replay."""

from __future__ import annotations

from typing import Any

from schemas import ids
from schemas.admission import TOKENS, BudgetChanged
from schemas.codec import decode
from schemas.envelope import Envelope
from schemas.outcome import Outcome
from schemas.usage import EmbeddingsComputed, UsageRecorded
from tests.fakes.broker import MemoryBroker
from topics.admission.audit import Audit, Bill, Placed, audit
from topics.catalogue import ADMISSIONS, GENERATION_OUTCOMES, USAGE_RECORDS


def hard_budget(account: str, tokens: int) -> BudgetChanged:
    return BudgetChanged(
        envelope=Envelope(ids.event_id(account, "BudgetChanged"), 0, None, "sim", "sim"),
        account=account,
        scope="account",
        subject="",
        period="total",
        hard=True,
        unit=TOKENS,
        limit=tokens,
    )


def audit_of(broker: MemoryBroker, *, twice: bool = False) -> Audit:
    """The audit of all that stands in the log; `twice`: with every record delivered twice."""
    placed: list[Placed] = []
    outcomes: list[Outcome] = []
    bills: list[Bill] = []
    for message in broker.records():
        if message.topic() not in (ADMISSIONS, GENERATION_OUTCOMES, USAGE_RECORDS):
            continue
        record: Any = decode(message.value())
        if message.topic() == ADMISSIONS:
            at = broker.topics.position(ADMISSIONS, message.partition(), message.offset())
            placed += [Placed(record, at, message.timestamp_us())] * (2 if twice else 1)
        elif isinstance(record, UsageRecorded | EmbeddingsComputed):
            bills.append(record)
        elif isinstance(record, Outcome):
            outcomes.append(record)
    return audit(placed, outcomes, bills)
