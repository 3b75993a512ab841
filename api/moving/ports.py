"""What exports and imports need of the projections."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends

from api.http.errors import ApiError
from api.http.gates import Gate
from api.http.providing import provided
from api.streaming.readers import Readers
from infra.models.catalogue import ModelCatalogue
from projections.conversation_lists.queries import ConversationPage
from projections.conversations.queries import ConversationRow
from projections.feedback.queries import Rating
from projections.messages.queries import MessagePage

MAX_AT_ONCE = 4
"""Exports that one process makes at a time, and imports that it takes."""


class MovingReads(Protocol):
    """Every method raises StoreUnavailable when the projections cannot be asked."""

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        """None also for a deleted one, and for one whose import has not come to its end."""

    async def is_deleted(self, conversation_id: str) -> bool:
        """Whether the conversation's end is seen."""

    async def placed(self, conversation_id: str, message_ids: Sequence[str]) -> Collection[str]:
        """Those of the messages that the conversation has."""

    async def conversations(self, user_id: str, cursor: str | None, limit: int) -> ConversationPage:
        """The one last spoken to first."""

    async def messages(self, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        """Oldest first, a prompt before its answers."""

    async def ratings(self, conversation_id: str, message_ids: Sequence[str]) -> Mapping[str, Rating]:
        """How those of a page's messages are rated that are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingPorts:
    """`exports`, `imports`: the places there are. `coming`: conversations that are being imported here now."""

    reads: MovingReads
    models: ModelCatalogue
    readers: Readers
    exports: Gate = field(default_factory=lambda: Gate(MAX_AT_ONCE))
    imports: Gate = field(default_factory=lambda: Gate(MAX_AT_ONCE))
    coming: set[str] = field(default_factory=set)
    wait_s: float = 5.0

    @contextmanager
    def alone(self, conversation_id: str) -> Iterator[None]:
        """For the length of the block no other request imports this conversation here. Raises ApiError 409."""
        if conversation_id in self.coming:
            raise ApiError(
                409,
                "This conversation is just being imported. Wait until that is done.",
                code="import_running",
                headers={"x-should-retry": "true", "Retry-After": "1"},
            )
        self.coming.add(conversation_id)
        try:
            yield
        finally:
            self.coming.discard(conversation_id)


Moving = Annotated[MovingPorts, Depends(provided(MovingPorts))]
