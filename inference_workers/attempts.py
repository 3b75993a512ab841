"""What a worker does with a job, given the records of its generation. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.generation import Failure
from schemas.limits import MAX_ANSWER_CHARS, MAX_ANSWER_CHUNKS
from topics.generation_fold import GenerationFold

LAST_CHUNKS = 16
"""The text that waits when an answer has nearly all its chunks leaves in so many more at most: they are larger then."""
FULL_AT_SEQ = MAX_ANSWER_CHUNKS - LAST_CHUNKS


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The generation has its end. Its outcome will come, or has come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Generate as attempt `number`, from seq `first_seq`, after the text `prefix` of `prefix_tokens` tokens."""

    number: int
    first_seq: int = 1
    prefix: str = ""
    prefix_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EndOnly:
    """No engine call: the text so far is all there will be. `failure` None: it reached its length."""

    number: int
    first_seq: int
    prefix: str
    prefix_tokens: int
    failure: Failure | None


Plan = NothingToDo | Answer | EndOnly

CANNOT_RESUME = Failure(
    "interrupted", "The answer was interrupted and this model cannot continue it. Please try again.", True
)


def plan(fold: GenerationFold, *, max_tokens: int, continues: bool) -> Plan:
    """The next attempt. `continues`: the engine can go on from given text. `max_tokens` is the whole answer's limit, as
    are MAX_ANSWER_CHARS and the chunks of which a further attempt may still need some."""
    if fold.finished:
        return NothingToDo()
    number = fold.number + 1
    if not fold.last_seq:
        return Answer(number)
    text, tokens = fold.text, fold.completion_tokens
    full = fold.full or len(text) >= MAX_ANSWER_CHARS or fold.last_seq >= FULL_AT_SEQ
    if tokens >= max_tokens or full:
        return EndOnly(number, fold.last_seq + 1, text, tokens, None)
    if not continues:
        return EndOnly(number, fold.last_seq + 1, text, tokens, CANNOT_RESUME)
    return Answer(number, fold.last_seq + 1, text, tokens)


def owns(fold: GenerationFold, attempt_id: str) -> bool:
    """Whether this attempt may publish, by the fold up to and with its own start."""
    return not fold.finished and fold.attempt_id == attempt_id
