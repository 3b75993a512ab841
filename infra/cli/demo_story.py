"""The events of an answer, from its records and the times of its frames. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from schemas.generation import AttemptEnded, AttemptStarted, GenerationRecord, TokenChunk
from topics.generation_fold import GenerationFold


@dataclass(slots=True)
class Attempt:
    """One attempt as the log has it. `first_seq` and `last_seq` of its accepted chunks; `void`: those that never count.

    `end` is the finish reason of its end if that counts, else empty.
    """

    number: int
    worker: str
    attempt_id: str
    owns: bool
    first_seq: int | None = None
    last_seq: int | None = None
    void: int = 0
    end: str = ""


def attempts_of(log: Sequence[GenerationRecord]) -> tuple[Attempt, ...]:
    """The attempts of one generation, in the order of the log. Chunks of attempts that never started are left out."""
    fold = GenerationFold()
    found: dict[str, Attempt] = {}
    for record in log:
        seq = fold.apply(record)
        match record:
            case AttemptStarted(attempt_id=attempt_id):
                owns = fold.attempt_id == attempt_id
                found.setdefault(attempt_id, Attempt(record.number, record.worker, attempt_id, owns))
            case TokenChunk(attempt_id=attempt_id) if attempt_id in found:
                attempt = found[attempt_id]
                if seq is None:
                    attempt.void += 1
                else:
                    attempt.first_seq = seq if attempt.first_seq is None else attempt.first_seq
                    attempt.last_seq = seq
            case AttemptEnded(attempt_id=attempt_id) if attempt_id in found:
                handed_over = record.finish_reason == "handed_over" and fold.attempt_id is None
                found[attempt_id].end = record.finish_reason if seq is not None or handed_over else ""
            case _:
                pass
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds. `usual`: median between two frames before the crash. `next_frame`: from the crash to the next frame.

    `longest`: the longest time without a frame that ended after the crash; the interruption, as a reader felt it.
    """

    usual: float
    next_frame: float
    longest: float


def pauses(arrivals_s: Sequence[float], crash_s: float) -> Pauses | None:
    """From the times of the frames' arrival; None if none came after the crash."""
    after = [at for at in arrivals_s if at >= crash_s]
    if not after:
        return None
    gaps = [(later, later - earlier) for earlier, later in pairwise(arrivals_s)]
    before = [gap for later, gap in gaps if later < crash_s]
    longest = max((gap for later, gap in gaps if later >= crash_s), default=after[0] - crash_s)
    return Pauses(median(before) if before else 0.0, after[0] - crash_s, longest)
