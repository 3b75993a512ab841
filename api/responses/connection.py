"""What one WebSocket keeps of its responses that are not stored, to go on from them. Bounded; gone with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from schemas.conversation import ChatMessage
from schemas.messages import characters, with_parts
from schemas.parts import VISIBLE, ContentPart, PartText

MAX_KEPT = 8
"""Responses, the newest ones."""
MAX_CHARACTERS = 4_000_000
"""Of all their messages."""


class Kept:
    """By the generations of responses: the messages up to and with each."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[ChatMessage, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, generation_id: str) -> tuple[ChatMessage, ...] | None:
        return self._kept.get(generation_id)

    def keep(self, generation_id: str, messages: tuple[ChatMessage, ...]) -> None:
        """The oldest are forgotten first; what alone is too much is not kept."""
        self._kept[generation_id] = messages
        while len(self._kept) > MAX_KEPT or self._characters() > MAX_CHARACTERS:
            self._kept.popitem(last=False)

    def forget(self, generation_id: str) -> None:
        """What goes on from it failed: it is gone on from no more."""
        self._kept.pop(generation_id, None)

    def _characters(self) -> int:
        return sum(characters(message) for messages in self._kept.values() for message in messages)


def answer_of(parts: Iterable[PartText]) -> tuple[ChatMessage, ...]:
    """An answer as its engine gets it back: text, refusals and calls. None of them: no message."""
    said = list(parts)
    texts = [ContentPart("text", part.text) for part in said if part.kind in VISIBLE and part.text]
    calls = [ContentPart("tool_call", part.text, part.call_id, part.name) for part in said if part.kind == "tool_call"]
    if not calls:
        text = "".join(str(part.text) for part in texts)
        return (ChatMessage("assistant", text),) if text else ()
    return (with_parts("assistant", (*texts, *calls)),)
