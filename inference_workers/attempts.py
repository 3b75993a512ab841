"""What a worker does with a job, given the records of its generation. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.generation import Failure
from schemas.limits import MAX_ANSWER_CHARS, MAX_ANSWER_CHUNKS
from schemas.parts import AnswerPart
from topics.generation_fold import MAX_STREAM_BYTES, GenerationFold

MAX_PARTS = 256
"""Of one answer. More is a model that has lost its way."""
LAST_CHUNKS = 512
"""What waits when an answer has nearly all its chunks leaves in so many more at most: one for each of its parts, and
for each 128 Ki characters and 256 Ki of logprobs."""
FULL_AT_SEQ = MAX_ANSWER_CHUNKS - LAST_CHUNKS


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """The generation has its end. Its outcome will come, or has come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Generate as attempt `number`, from seq `first_seq`, after the text `prefix` of `prefix_tokens` tokens.

    `room`: bytes that are left of what a generation may have.
    """

    number: int
    first_seq: int = 1
    prefix: str = ""
    prefix_tokens: int = 0
    room: int = field(default=MAX_STREAM_BYTES, compare=False)


@dataclass(frozen=True, slots=True)
class EndOnly:
    """No engine call: the answer so far is all there will be. `failure` None: it reached its length.

    `parts` of `prefix`: empty for text alone. `reasoning_tokens`: of `prefix_tokens`.
    """

    number: int
    first_seq: int
    prefix: str
    prefix_tokens: int
    failure: Failure | None
    parts: tuple[AnswerPart, ...] = ()
    reasoning_tokens: int = 0


Plan = NothingToDo | Answer | EndOnly

CANNOT_RESUME = Failure(
    "interrupted", "The answer was interrupted and this model cannot continue it. Please try again.", True
)


def plan(fold: GenerationFold, *, max_tokens: int, continues: bool) -> Plan:
    """The next attempt. `continues`: the engine can go on from given text. `max_tokens` is the whole answer's limit, as
    are MAX_ANSWER_CHARS and the chunks of which a further attempt may still need some.

    Only text is continued: no engine of ours is given its own reasoning or half a call back exactly as it made it.
    """
    if fold.finished:
        return NothingToDo()
    number = fold.number + 1
    if not fold.last_seq:
        return Answer(number)
    text, tokens = fold.text, fold.completion_tokens
    full = fold.full or len(text) >= MAX_ANSWER_CHARS or fold.last_seq >= FULL_AT_SEQ
    if tokens >= max_tokens or full:
        return EndOnly(number, fold.last_seq + 1, text, tokens, None, fold.parts, fold.reasoning_tokens)
    if not continues or fold.parts:
        return EndOnly(number, fold.last_seq + 1, text, tokens, CANNOT_RESUME, fold.parts, fold.reasoning_tokens)
    return Answer(number, fold.last_seq + 1, text, tokens, fold.room)


def owns(fold: GenerationFold, attempt_id: str) -> bool:
    """Whether this attempt may publish, by the fold up to and with its own start."""
    return not fold.finished and fold.attempt_id == attempt_id
