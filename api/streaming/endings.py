"""How a generation ended, from the fold of its records or from its outcome. Pure.

Both give equal endings for the same generation, which is why a stream served at any age has the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from schemas.generation import Failure
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.price import Usage
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

Status = Literal["completed", "failed", "cancelled", "refused"]


@dataclass(frozen=True, slots=True)
class Ending:
    """`finish_reason`: stop, length, tool_calls, content_filter, cancelled, deleted, failed or refused.

    `failure` is set for failed and refused, and for nothing else.
    """

    status: Status
    finish_reason: str
    failure: Failure | None
    usage: Usage
    cost_micros: int
    currency: str
    at_us: int


def ending_of_fold(fold: GenerationFold) -> Ending | None:
    """None while the generation runs. Read through the recorder's own rule, so that both readings are one."""
    return ending_of_outcome(outcome_of(fold)) if fold.finished else None


def ending_of_outcome(outcome: Outcome) -> Ending:
    failure: Failure | None = None
    status: Status
    match outcome:
        case GenerationCompleted(finish_reason=finish_reason):
            status = "completed"
        case GenerationCancelled(reason=finish_reason):
            status = "cancelled"
        case GenerationFailed(failure=failure):
            status, finish_reason = "failed", "failed"
        case GenerationRefused(failure=failure):
            status, finish_reason = "refused", "refused"
        case _:
            assert_never(outcome)
    return Ending(
        status,
        finish_reason,
        failure,
        outcome.usage,
        outcome.cost_micros,
        outcome.turn.price.currency,
        outcome.ended_at_us,
    )
