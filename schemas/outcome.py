"""generation-outcomes: how each generation ended, once. Written by the recorder alone. Key: conversation_id.

The four types share their fields, so that a finished stream can be served again from any of them, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Content, Envelope, Position, TimestampMicros
from schemas.families import members
from schemas.generation import Failure, Turn
from schemas.parts import AnswerPart
from schemas.price import Usage


@dataclass(frozen=True, slots=True)
class ChunkMark:
    """Where chunk `index + 1` ended and when: `length` in code points of the text, `tokens`, time."""

    length: int
    tokens: int
    at_us: TimestampMicros


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What every outcome has, in this order: the first fields of its schema.

    `text` is the concatenation of all chunks. `parts`: what it consists of; empty: text alone. `logprobs`: of each
    chunk, as in TokenChunk; empty: of none.
    """

    envelope: Envelope
    turn: Turn
    text: Content
    chunks: tuple[ChunkMark, ...]
    started_at_us: TimestampMicros | None
    ended_at_us: TimestampMicros
    attempts: int
    usage: Usage
    cost_micros: int
    sha256: str
    end: Position
    parts: tuple[AnswerPart, ...] = ()
    logprobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCompleted(_Ended):
    """The model finished: `finish_reason` is stop, length, tool_calls or content_filter."""

    finish_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationFailed(_Ended):
    """The turn ended without a whole answer; what had been accepted is kept in `text`."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCancelled(_Ended):
    """Somebody ended it: `reason` is cancelled or deleted. What had been accepted is kept and billed."""

    reason: str
    seen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRefused(_Ended):
    """A policy refused it; no engine saw the prompt (or, later, the rest of the answer)."""

    failure: Failure


Outcome = GenerationCompleted | GenerationFailed | GenerationCancelled | GenerationRefused
RECORDS = members(Outcome)
