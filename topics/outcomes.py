"""Makes the outcome of a finished generation: the one rule of recorder, streams, `verify`, rebuild and simulation.

Pure: times and ids come from the records, so a repeat is identical. Total: every generation that has ended has an
outcome that can be encoded and is below MAX_RECORD_BYTES. The fold sees to text, marks, counts and turn, this module
to the rest. What the log says and a record cannot hold ends as GenerationFailed with the code `unrecordable`, with what
was streamed of it; that outcome stands.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, TypeGuard

from schemas import ids
from schemas.bounding import bounded
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptEnded, Failure, GenerationEnded
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from topics.generation_fold import GenerationFold

UNKNOWN_FAILURE = Failure("failed", "the generation ended without a reason", True)
UNRECORDABLE = Failure("unrecordable", "the answer is too long to be stored; this is its beginning", False)
_ACTOR = "system:recorder"


def outcome_of(fold: GenerationFold) -> Outcome:
    """The outcome of a finished generation. Raises ValueError if it has not ended or its end has no position."""
    end, turn, position = fold.end, fold.turn, fold.end_position
    if end is None or turn is None or position is None:
        raise ValueError("the generation has not ended")
    if isinstance(end, AttemptEnded):
        ended_at_us = end.at_us
        failure = UNRECORDABLE if fold.full else bounded(end.failure or UNKNOWN_FAILURE)
        if fold.full or end.finish_reason == "failed":
            return GenerationFailed(**_shared(fold, GenerationFailed, ended_at_us, position), failure=failure)
        shared = _shared(fold, GenerationCompleted, ended_at_us, position)
        return GenerationCompleted(**shared, finish_reason=end.finish_reason)
    ended_at_us = end.envelope.occurred_at_us
    failure = bounded(end.failure or UNKNOWN_FAILURE)
    match end.reason:
        case "cancelled" | "deleted":
            shared = _shared(fold, GenerationCancelled, ended_at_us, position)
            return GenerationCancelled(**shared, reason=end.reason, seen=end.seen)
        case "refused":
            return GenerationRefused(**_shared(fold, GenerationRefused, ended_at_us, position), failure=failure)
        case "expired" | "failed":
            failure = UNRECORDABLE if fold.full else failure
            return GenerationFailed(**_shared(fold, GenerationFailed, ended_at_us, position), failure=failure)


def _shared(fold: GenerationFold, outcome_type: type, ended_at_us: int, position: Position) -> dict[str, Any]:
    turn, end = fold.turn, fold.end
    assert turn is not None and end is not None  # noqa: S101 - `outcome_of` has looked
    if isinstance(end, GenerationEnded):
        cause, correlation = end.envelope.event_id, end.envelope.correlation_id
    else:
        cause = ids.event_id(end.attempt_id, "AttemptEnded")
        correlation = fold.start.envelope.correlation_id if fold.start is not None else turn.message_id
    name = outcome_type.__name__
    return {
        "envelope": bounded(Envelope(ids.event_id(turn.generation_id, name), ended_at_us, cause, correlation, _ACTOR)),
        "turn": turn,
        "text": fold.text,
        "chunks": tuple(fold.marks),
        "started_at_us": fold.start.envelope.occurred_at_us if fold.start is not None else None,
        "ended_at_us": ended_at_us,
        "attempts": fold.number,
        "usage": fold.usage,
        "cost_micros": fold.cost_micros,
        "sha256": fold.sha256,
        "end": position,
        "parts": fold.parts,
        "logprobs": fold.logprobs,
    }


def is_unrecordable(outcome: Outcome) -> TypeGuard[GenerationFailed]:
    """Whether the log said more of this generation than its outcome holds."""
    return isinstance(outcome, GenerationFailed) and outcome.failure.code == UNRECORDABLE.code


def without_text(outcome: Outcome) -> GenerationFailed:
    """For a topic that refuses `outcome` all the same (an operator lowered its limit): the turn ends, empty-handed."""
    return GenerationFailed(
        envelope=replace(outcome.envelope, event_id=ids.event_id(outcome.turn.generation_id, "GenerationFailed")),
        turn=outcome.turn,
        text="",
        chunks=(),
        started_at_us=outcome.started_at_us,
        ended_at_us=outcome.ended_at_us,
        attempts=outcome.attempts,
        usage=outcome.usage,
        cost_micros=outcome.cost_micros,
        sha256=sha256(b"").hexdigest(),
        end=outcome.end,
        failure=replace(UNRECORDABLE, message="the answer could not be stored"),
    )
