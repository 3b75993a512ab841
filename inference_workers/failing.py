"""The failures of an attempt, with messages for the user. Pure."""

from __future__ import annotations

import math

from inference_workers.ports import EngineError
from schemas.bounding import bounded
from schemas.generation import Failure

MAX_RETRY_AFTER_S = 3600

EXPIRED = Failure("deadline_exceeded", "The answer was not ready in time. Please try again.", True)
BROKEN = Failure("internal_error", "The worker could not process this request. Please try again.", True)
MOVED = Failure("model_moved", "The model is served by other workers now. Please try again.", True)
SEALED = Failure("content_sealed", "The conversation can no longer be read.", False)
NO_TOKENS = Failure("invalid_request", "max_tokens must be at least 1.", False)


def failure_of(error: EngineError) -> Failure:
    """What an engine said, held to what a record can carry, with its own word on when to ask again."""
    after_s = getattr(error, "retry_after_s", None)
    wait_s = None
    if isinstance(after_s, int | float) and not math.isnan(after_s):
        wait_s = math.ceil(min(max(after_s, 0), MAX_RETRY_AFTER_S))
    return bounded(Failure(str(error.code), str(error.message), bool(error.retryable), wait_s))
