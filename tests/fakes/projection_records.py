"""Records for projections: what users say, how turns end, what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas import ids, turns
from schemas.conversation import (
    ConversationRenamed,
    ConversationStarted,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.envelope import Content, Envelope, Position
from schemas.generation import Failure, Turn
from schemas.outcome import (
    ChunkMark,
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationRefused,
    Outcome,
)
from schemas.price import Price, Usage
from schemas.turns import Command
from schemas.usage import EmbeddingsComputed, UsageRecorded, UsageRerated
from streams.backfill.reactor import Repricing, reprice
from tests import records

AT = 1_763_700_000_000_000
DAY_US = 86_400_000_000
PRICE = Price("p1", "EUR", 100_000, 50_000, 200_000)
NEW_PRICE = Price("p2", "EUR", 300_000, 70_000, 900_000)


def envelope(cause: str, at_us: int = AT) -> Envelope:
    return Envelope(ids.event_id(cause, "Test"), at_us, None, "request-1", "user:u")


def started(
    conversation: str, user: str = "ada", at_us: int = AT, title: Content | None = None, system: Content | None = None
) -> ConversationStarted:
    return ConversationStarted(
        envelope=envelope(conversation, at_us),
        conversation_id=conversation,
        user_id=user,
        title=title,
        model=None,
        system_prompt=system,
    )


def prompt(
    conversation: str,
    key: str,
    user: str = "ada",
    at_us: int = AT,
    parent: str | None = None,
    content: Content = "What is an event log?",
    **others: Any,
) -> PromptSubmitted:
    keyed = records.keyed(user, conversation, key)
    built = records.prompt(
        content,
        **keyed,
        envelope=envelope(keyed["message_id"], at_us),
        parent_message_id=parent,
        model="local",
        tier="standard",
        tail=Position(0, 0, 7),
        request_hash="hash-1",
        idempotency_key=key,
        deadline_at_us=at_us + 600_000_000,
    )
    return replace(built, **others)


def regenerate(
    conversation: str, key: str, prompt_message_id: str, user: str = "ada", at_us: int = AT
) -> RegenerateRequested:
    keyed = records.keyed(user, conversation, key)
    return records.regenerate(
        **keyed,
        envelope=envelope(keyed["message_id"], at_us),
        prompt_message_id=prompt_message_id,
        model="local",
        tier="standard",
        tail=Position(0, 0, 9),
        request_hash="hash-2",
        idempotency_key=key,
        deadline_at_us=at_us + 600_000_000,
    )


def title(conversation: str, user: str = "ada", at_us: int = AT) -> TitleRequested:
    message_id = ids.title_message_id(conversation)
    return records.title(
        conversation_id=conversation,
        user_id=user,
        message_id=message_id,
        generation_id=ids.generation_id(message_id),
        envelope=envelope(message_id, at_us),
        deadline_at_us=at_us + 600_000_000,
    )


def entitled(conversation: str, title: Content, user: str = "ada", at_us: int = AT) -> ConversationRenamed:
    """The title that was made for a conversation."""
    return ConversationRenamed(
        replace(envelope(f"{conversation} made", at_us), actor=turns.TITLES), conversation, user, title
    )


def turn_of(command: Command, cause: Position, choice: int = 0) -> Turn:
    return turns.turn_of(command, cause, command.price or PRICE, choice)


def outcome(turn: Turn, how: str = "completed", text: Content = "A sequence.", at_us: int = AT) -> Outcome:
    common: dict[str, Any] = {
        "envelope": envelope(turn.generation_id, at_us),
        "turn": turn,
        "text": text,
        "chunks": (ChunkMark(2, 1, at_us - 20), ChunkMark(9, 3, at_us - 10)),
        "started_at_us": at_us - 100,
        "ended_at_us": at_us,
        "attempts": 1,
        "usage": Usage(12, 4, 2),
        "cost_micros": 99,
        "sha256": "ab" * 32,
        "end": Position(0, 0, 40),
    }
    failure = Failure("engine_error", "The model did not answer.", True)
    match how:
        case "completed":
            return GenerationCompleted(**common, finish_reason="stop")
        case "failed":
            return GenerationFailed(**common, failure=failure)
        case "cancelled":
            return GenerationCancelled(**common, reason="cancelled", seen=2)
        case _:
            return GenerationRefused(**common, failure=failure)


def used(ended: Outcome, position: Position) -> UsageRecorded:
    turn = ended.turn
    return UsageRecorded(
        envelope=envelope(turn.generation_id, ended.ended_at_us),
        user_id=turn.user_id,
        conversation_id=turn.conversation_id,
        generation_id=turn.generation_id,
        model=turn.model,
        outcome_type=type(ended).__name__,
        usage=ended.usage,
        price_version=turn.price.version,
        currency=turn.price.currency,
        cost_micros=ended.cost_micros,
        outcome=position,
        ended_at_us=ended.ended_at_us,
    )


def rerated(ended: Outcome, position: Position, backfill: str) -> UsageRerated:
    """What a backfill that doubles the price, under its own name, makes of an outcome."""
    price = ended.turn.price
    figures = {name: 2 * getattr(price, name) for name in ("input_micros_per_million", "output_micros_per_million")}
    made = reprice(
        ended, position, Repricing(backfill, {ended.turn.model: replace(price, version=backfill, **figures)})
    )
    assert isinstance(made, tuple)
    return made[0]


def computed(user: str, key: str, at_us: int = AT, request_hash: str = "", texts: int = 3) -> EmbeddingsComputed:
    """What a request for embeddings is billed."""
    embedding_id = ids.embedding_id(user, key)
    usage = Usage(10 * texts, 0)
    return EmbeddingsComputed(
        envelope=envelope(embedding_id, at_us),
        user_id=user,
        embedding_id=embedding_id,
        model="static",
        model_version="static-1",
        texts=texts,
        dimensions=256,
        usage=usage,
        price=NEW_PRICE,
        cost_micros=NEW_PRICE.cost_micros(usage),
        request_hash=request_hash,
    )
