"""generation-jobs and token-chunks: one generation, its attempts and its end. Key: conversation_id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.conversation import ChatMessage, Sampling, ServiceClass, TurnKind
from schemas.envelope import Content, Envelope, Position, TimestampMicros
from schemas.families import members
from schemas.parts import ChunkPart, Tooling
from schemas.picks import Pick
from schemas.price import Attribution, Price, Usage

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "failed", "handed_over", "budget"]
EndReason = Literal["cancelled", "deleted", "refused", "expired", "failed"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn ended without its answer, in words for the user. `retryable`: asking again may help.

    `retry_after_s`: when the engine said that it may be asked again, in seconds; None if it said nothing.
    """

    code: str
    message: str
    retryable: bool
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a generation belongs to. The same in its job, its attempts, its end and its outcome.

    `message_id` is the command's (PromptSubmitted or RegenerateRequested); `prompt_message_id` the prompt that is
    answered (the same for a prompt). `cause` is the command's place in conversation-events: the order key.
    `tail` is a lower bound of the generation's records in token-chunks.
    `choice`: which of the command's answers this is, from 0: (cause, choice) is the order key.
    `attribution`: who asked and who pays; None: the user, by no key that is known, at the tier `default`.
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
    choice: int = 0
    attribution: Attribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequested:
    """A job: the assembled context and how to answer it.

    `maybe_repeat`: this record may be a second copy, so a worker scans token-chunks from `turn.tail` first.
    `verdict_id`: event id of the ModerationVerdict that allowed it; empty in records older than it.
    `tooling`: the tools that the model may call; None: none.
    `lease`: the place in admissions of the request for the lease that it runs on; None: its account has no hard budget.
    `lane`: which lane of its jobs topic it was put into; empty: the one that is read first.
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
    tooling: Tooling | None = None
    lease: Position | None = None
    lane: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """Attempt `number` (from 1) of a generation. Frame 0 is attempt 1's.

    `prompt_tokens`: of the prompt alone, without what earlier attempts had published.
    `pick`: why its job was started when it was; None: it is not known.
    """

    envelope: Envelope
    turn: Turn
    attempt_id: str
    number: int
    prompt_tokens: int
    worker: str
    job: Position
    pick: Pick | None = None


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """One or more tokens that left together: one record, one seq, one SSE frame. Never merged or split.

    `part`: which part of the answer it belongs to; None: part 0, text. `logprobs`: of its tokens, as a JSON array in
    the shape of Chat Completions' `logprobs.content`; empty: none.
    """

    generation_id: str
    attempt_id: str
    seq: int
    at_us: TimestampMicros
    tokens: int
    delta: Content
    token_ids: tuple[int, ...] | None = None
    part: ChunkPart | None = None
    logprobs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """The owning attempt's last word. Valid only if its attempt owns the generation and the fold agrees.

    `last_seq`: seq of the generation's last chunk (0: none). `sha256`: hex digest of the whole text so far in UTF-8,
    and of its parts where there are any (`schemas.parts.stream_digest`).
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
RECORDS = (GenerationRequested, *members(GenerationRecord))
