"""Commands as the API makes them, for tests of what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.conversation import ChatMessage, PromptSubmitted, RegenerateRequested, Sampling
from schemas.envelope import Content, Envelope, Position

NOW_US = 1_700_000_000_000_000
CAUSE = Position(0, 1, 77)
_ENVELOPE = Envelope("event", NOW_US, None, "request", "user:u")


def prompt(content: Content = "hello", **changes: Any) -> PromptSubmitted:
    """A prompt in a conversation; `changes` replace fields."""
    submitted = PromptSubmitted(
        envelope=_ENVELOPE,
        conversation_id="conversation",
        user_id="u",
        message_id="message",
        generation_id="generation",
        parent_message_id=None,
        kind="chat",
        content=content,
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
    return replace(submitted, **changes)


def stateless(*messages: ChatMessage, **changes: Any) -> PromptSubmitted:
    """A request that brings its whole context."""
    return replace(prompt(), kind="stateless", content=None, messages=messages, **changes)


def regenerate(**changes: Any) -> RegenerateRequested:
    """Another answer to the prompt `message`."""
    requested = RegenerateRequested(
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
    return replace(requested, **changes)
