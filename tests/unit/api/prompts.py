"""Prompts as the api writes them."""

from __future__ import annotations

from infra.ids import draw_id
from schemas import ids
from schemas.conversation import PromptSubmitted
from schemas.envelope import Envelope, Position
from tests import records
from tests.unit.api.memory_log import AT
from tests.unit.api.turns import USER


def prompt(conversation: str, content: str, *, parent: str | None = None, after_us: int = 0) -> PromptSubmitted:
    """A prompt with ids of its own."""
    keyed = records.keyed(USER, conversation, draw_id())
    event = ids.event_id(keyed["message_id"], "PromptSubmitted")
    return records.prompt(
        content,
        **keyed,
        envelope=Envelope(event, AT + after_us, None, "r", f"user:{USER}"),
        parent_message_id=parent,
        model="verbatim-local",
        tail=Position(0, 0, 0),
        deadline_at_us=AT + 600_000_000,
    )
