"""A one-line summary of a record. Pure."""

from __future__ import annotations

import re

from schemas.conversation import (
    ConversationDeleted,
    ConversationMetadataChanged,
    ConversationRenamed,
    ConversationShared,
    ConversationStarted,
    FeedbackGiven,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.envelope import Content
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRequested, TokenChunk
from schemas.messages import prompt_content
from schemas.moderation import ModerationVerdict, ReviewDecided
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.usage import EmbeddingsComputed, UsageRecorded, UsageRerated

MAX_CHARACTERS = 120
_LOOKED_AT = 4 * MAX_CHARACTERS


def summary_of(record: object) -> str:
    """At most MAX_CHARACTERS characters without line breaks; its name for a type without a summary of its own."""
    return shortened(_said(record))


def shortened(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[:_LOOKED_AT].split())
    whole = len(text) <= _LOOKED_AT and len(line) <= MAX_CHARACTERS
    return line if whole else line[: MAX_CHARACTERS - 1] + "…"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _said(record: object) -> str:
    match record:
        case None:
            return "cannot be decoded"
        case PromptSubmitted():
            shown = prompt_content(record) if record.kind == "chat" else record.content
            return _text(shown) if shown else _counted(len(record.messages), "message")
        case TokenChunk(part=part) if part is not None and part.kind != "text":
            named = f" {part.name}" if part.name else ""
            return f"[{part.kind}{named}] {_text(record.delta)}"
        case TokenChunk():
            return _text(record.delta)
        case MessagesAppended(messages=messages):
            return _counted(len(messages), "message")
        case GenerationDeleted(generation_id=generation):
            return f"answer {generation} is deleted"
        case MessageDeleted(message_id=message):
            return f"message {message} is deleted"
        case ConversationMetadataChanged() | GenerationMetadataChanged():
            return "metadata changed"
        case RegenerateRequested():
            return f"regenerate, by {record.model}"
        case TitleRequested():
            return f"a title, by {record.model}"
        case ConversationStarted():
            return "begun" if record.title is None else _text(record.title)
        case ConversationRenamed():
            return _text(record.title)
        case ConversationShared():
            return "no longer shared" if record.revoked else "shared by a link"
        case FeedbackGiven():
            return record.rating
        case ConversationDeleted():
            return "deleted"
        case ModerationVerdict() | ReviewDecided():
            return record.decision
    return _of_a_generation(record)


def _of_a_generation(record: object) -> str:
    match record:
        case GenerationRequested():
            said = f"{_counted(len(record.messages), 'message')}, {_counted(record.prompt_tokens, 'token')}"
            return f"{said} for {record.turn.model}"
        case AttemptStarted():
            return f"attempt {record.number} on {record.worker}"
        case AttemptEnded():
            return f"{record.finish_reason} after {record.last_seq} chunks"
        case GenerationEnded():
            return record.reason if record.failure is None else f"{record.reason}: {record.failure.message}"
        case GenerationCompleted():
            return f"{record.finish_reason}: {_used(record)}"
        case GenerationCancelled():
            return f"{record.reason}: {_used(record)}"
        case GenerationFailed() | GenerationRefused():
            return f"{record.failure.code}: {record.failure.message}"
        case UsageRecorded() | UsageRerated():
            return f"{_money(record.cost_micros)} {record.currency}"
        case EmbeddingsComputed():
            return f"{record.texts} texts, {_money(record.cost_micros)} {record.price.currency}"
    return _words(type(record).__name__)


def _used(outcome: GenerationCompleted | GenerationCancelled) -> str:
    usage = outcome.usage
    cost = f"{_money(outcome.cost_micros)} {outcome.turn.price.currency}"
    return f"{usage.prompt_tokens} + {usage.completion_tokens} tokens, {cost}"


def _words(name: str) -> str:
    """`ConversationRenamed` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _money(micros: int) -> str:
    return f"{micros / 1_000_000:.6f}"


def _text(content: Content) -> str:
    return content if isinstance(content, str) else "sealed"
