"""generation-jobs and token-chunks: one generation, its attempts and its end. Key: conversation_id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.conversation import ChatMessage, Sampling, ServiceClass, TurnKind
from schemas.envelope import Content, Envelope, Position, TimestampMicros

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "failed", "handed_over"]
EndReason = Literal["cancelled", "deleted", "refused", "expired", "failed"]

MAX_COST_MICROS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`.

    `estimated`: at least one count is our own, because the engine told none or one that cannot be true.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in millionths of `currency` a million tokens: integers, so that sums are exact."""

    version: str
    currency: str
    input_micros_per_million: int
    cached_input_micros_per_million: int
    output_micros_per_million: int

    def cost_micros(self, usage: Usage) -> int:
        """Cost in millionths of `currency`, rounded half up once over the whole generation.

        Never negative, and at most MAX_COST_MICROS: whatever the counts and the price, a record can hold it.
        """
        fresh = usage.prompt_tokens - usage.cached_tokens
        total = (
            fresh * self.input_micros_per_million
            + usage.cached_tokens * self.cached_input_micros_per_million
            + usage.completion_tokens * self.output_micros_per_million
        )
        return min(max((total + 500_000) // 1_000_000, 0), MAX_COST_MICROS)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn ended without its answer, in words for the user. `retryable`: asking again may help.

    `retry_after_s`: when the engine said that it may be asked again, in seconds; None if it said nothing.
    """

    code: str
    message: str
    retryable: bool
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a generation belongs to. The same in its job, its attempts, its end and its outcome.

    `message_id` is the command's (PromptSubmitted or RegenerateRequested); `prompt_message_id` the prompt that is
    answered (the same for a prompt). `cause` is the command's place in conversation-events: the order key.
    `tail` is a lower bound of the generation's records in token-chunks.
    """

    generation_id: str
    conversation_id: str
    user_id: str
    message_id: str
    prompt_message_id: str
    kind: TurnKind
    model: str
    price: Price
    request_hash: str
    cause: Position
    tail: Position


@dataclass(frozen=True, slots=True)
class GenerationRequested:
    """A job: the assembled context and how to answer it.

    `maybe_repeat`: this record may be a second copy, so a worker scans token-chunks from `turn.tail` first.
    `verdict_id`: event id of the ModerationVerdict that allowed it; empty in records older than it.
    """

    envelope: Envelope
    turn: Turn
    messages: tuple[ChatMessage, ...]
    prompt_tokens: int
    sampling: Sampling
    service_class: ServiceClass
    tier: str
    maybe_repeat: bool
    first_token_timeout_ms: int
    inter_token_timeout_ms: int
    deadline_at_us: TimestampMicros
    verdict_id: str = ""


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Attempt `number` (from 1) of a generation. Frame 0 is attempt 1's.

    `prompt_tokens`: of the prompt alone, without what earlier attempts had published.
    """

    envelope: Envelope
    turn: Turn
    attempt_id: str
    number: int
    prompt_tokens: int
    worker: str
    job: Position


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """One or more tokens that left together: one record, one seq, one SSE frame. Never merged or split."""

    generation_id: str
    attempt_id: str
    seq: int
    at_us: TimestampMicros
    tokens: int
    delta: Content
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The owning attempt's last word. Valid only if its attempt owns the generation and the fold agrees.

    `last_seq`: seq of the generation's last chunk (0: none). `sha256`: hex digest of the whole text so far in UTF-8.
    `usage`: of the whole generation, over all its attempts.
    `finish_reason` handed_over: the attempt stops, the generation goes on with the next attempt.
    """

    generation_id: str
    conversation_id: str
    attempt_id: str
    at_us: TimestampMicros
    last_seq: int
    sha256: str
    finish_reason: FinishReason
    usage: Usage
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class GenerationEnded:
    """An end from outside the attempts, valid unconditionally. `seen`: the last seq the canceller had seen."""

    envelope: Envelope
    turn: Turn
    reason: EndReason
    seen: int | None
    failure: Failure | None


GenerationRecord = AttemptStarted | TokenChunk | AttemptEnded | GenerationEnded
