"""Makes the one usage record of an outcome. Pure: the same outcome always gives the same record."""

from __future__ import annotations

from schemas import ids
from schemas.envelope import Envelope, Position
from schemas.outcome import Outcome
from schemas.usage import UsageRecorded
from topics.admission.leases import Settled

_ACTOR = "system:metering"


def usage_record(outcome: Outcome, position: Position, settled: Settled | None = None) -> UsageRecorded:
    """What `outcome`, which stands at `position` in generation-outcomes, costs its user: of one that ran on a lease, at
    most that (`settled`).

    The record's event id comes from the generation alone, so readers of the ledger drop repeats.
    """
    turn = outcome.turn
    leased = settled if settled is not None and settled.leased else None
    return UsageRecorded(
        envelope=Envelope(
            ids.event_id(turn.generation_id, "UsageRecorded"),
            outcome.ended_at_us,
            outcome.envelope.event_id,
            outcome.envelope.correlation_id,
            _ACTOR,
        ),
        user_id=turn.user_id,
        conversation_id=turn.conversation_id,
        generation_id=turn.generation_id,
        model=turn.model,
        outcome_type=type(outcome).__name__,
        usage=outcome.usage if leased is None else leased.usage,
        price_version=turn.price.version,
        currency=turn.price.currency,
        cost_micros=outcome.cost_micros if leased is None else leased.cost_micros,
        outcome=position,
        ended_at_us=outcome.ended_at_us,
        attribution=turn.attribution,
        unbilled_tokens=0 if leased is None else leased.unbilled,
    )
