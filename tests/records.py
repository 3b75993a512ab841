"""Records with a value in every field: a test names only the fields that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas import ids
from schemas.conversation import ChatMessage, PromptSubmitted, RegenerateRequested, Sampling, TitleRequested
from schemas.envelope import Content, Envelope, Position
from schemas.generation import GenerationRequested, Turn
from schemas.moderation import ModerationVerdict
from schemas.price import Price
from schemas.turns import TITLES, UNBILLED

NOW_US = 1_700_000_000_000_000
CAUSE = Position(0, 1, 77)
PRICE = Price("2026-01", "EUR", 1_000_000, 100_000, 3_000_000)
_ENVELOPE = Envelope("event", NOW_US, None, "request", "user:u")
_PROMPT = PromptSubmitted(
    envelope=_ENVELOPE,
    conversation_id="conversation",
    user_id="u",
    message_id="message",
    generation_id="generation",
    parent_message_id=None,
    kind="chat",
    content="hello",
    messages=(),
    attachments=(),
    model="model",
    sampling=Sampling(),
    service_class="interactive",
    tier="default",
    tail=Position(0, 0, 5),
    request_hash="hash",
    idempotency_key=None,
    deadline_at_us=NOW_US + 60_000_000,
)
_REGENERATE = RegenerateRequested(
    envelope=_ENVELOPE,
    conversation_id="conversation",
    user_id="u",
    message_id="command",
    generation_id="generation",
    prompt_message_id="message",
    model="model",
    sampling=Sampling(),
    service_class="interactive",
    tier="default",
    tail=Position(0, 0, 5),
    request_hash="hash",
    idempotency_key=None,
    deadline_at_us=NOW_US + 60_000_000,
)
_TITLE = TitleRequested(
    envelope=Envelope("title-event", NOW_US, "outcome", "request", TITLES),
    conversation_id="conversation",
    user_id="u",
    message_id="title-message",
    generation_id="title",
    prompt_message_id="message",
    answer_id="generation",
    prompt="Why is the sky blue, and not violet?",
    answer="Because of scattering.",
    model="model",
    model_version="weights",
    service_class="background",
    tier="default",
    tail=Position(0, 0, 9),
    deadline_at_us=NOW_US + 60_000_000,
    price=UNBILLED,
)
_TURN = Turn(
    generation_id="generation",
    conversation_id="conversation",
    user_id="user",
    message_id="message",
    prompt_message_id="message",
    kind="chat",
    model="model",
    price=PRICE,
    request_hash="hash",
    cause=Position(0, 0, 7),
    tail=Position(0, 0, 0),
)


def prompt(content: Content | None = "hello", **changes: Any) -> PromptSubmitted:
    """A prompt in a conversation; `changes` replace fields."""
    return replace(_PROMPT, content=content, **changes)


def stateless(*messages: ChatMessage, **changes: Any) -> PromptSubmitted:
    """A request that brings its whole context."""
    return prompt(None, kind="stateless", messages=messages, **changes)


def regenerate(**changes: Any) -> RegenerateRequested:
    """Another answer to the prompt `message`."""
    return replace(_REGENERATE, **changes)


def title(**changes: Any) -> TitleRequested:
    """The request for a conversation's title; `changes` replace fields."""
    return replace(_TITLE, **changes)


def keyed(user: str, conversation: str, key: str) -> dict[str, str]:
    """The fields of a command that derive from its idempotency key, as the API derives them."""
    message = ids.message_id(user, conversation, key)
    return {
        "conversation_id": conversation,
        "user_id": user,
        "message_id": message,
        "generation_id": ids.generation_id(message),
    }


def turn(**changes: Any) -> Turn:
    """What an answer in a conversation belongs to; `changes` replace fields."""
    return replace(_TURN, **changes)


def job(of: Turn, **changes: Any) -> GenerationRequested:
    """The order to answer; `changes` replace fields."""
    request = GenerationRequested(
        envelope=_ENVELOPE,
        turn=of,
        messages=(),
        prompt_tokens=9,
        sampling=Sampling(),
        service_class="interactive",
        tier="default",
        maybe_repeat=False,
        first_token_timeout_ms=5000,
        inter_token_timeout_ms=5000,
        deadline_at_us=NOW_US + 60_000_000,
    )
    return replace(request, **changes)


def verdict(of: Turn, **changes: Any) -> ModerationVerdict:
    """Its prompt is allowed; `changes` replace fields."""
    allowed = ModerationVerdict(
        envelope=_ENVELOPE,
        conversation_id=of.conversation_id,
        user_id=of.user_id,
        message_id=of.message_id,
        generation_id=of.generation_id,
        stage="prompt",
        decision="allow",
        categories=(),
        policy_version="policy-1",
        rule=None,
    )
    return replace(allowed, **changes)
