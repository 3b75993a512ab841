"""Prompts as the api writes them."""

from __future__ import annotations

from infra.ids import draw_id
from schemas import ids
from schemas.conversation import PromptSubmitted, Sampling
from schemas.envelope import Envelope, Position
from tests.unit.api.memory_log import AT
from tests.unit.api.turns import USER


def prompt(conversation: str, content: str, *, parent: str | None = None, after_us: int = 0) -> PromptSubmitted:
    """A prompt with ids of its own."""
    message = ids.message_id(USER, conversation, draw_id())
    return PromptSubmitted(
        envelope=Envelope(ids.event_id(message, "PromptSubmitted"), AT + after_us, None, "r", f"user:{USER}"),
        conversation_id=conversation,
        user_id=USER,
        message_id=message,
        generation_id=ids.generation_id(message),
        parent_message_id=parent,
        kind="chat",
        content=content,
        messages=(),
        attachments=(),
        model="verbatim-local",
        sampling=Sampling(),
        service_class="interactive",
        tier="default",
        tail=Position(0, 0, 0),
        request_hash="hash",
        idempotency_key=None,
        deadline_at_us=AT + 600_000_000,
    )
