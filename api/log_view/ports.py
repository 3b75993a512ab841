"""What the log view needs: where turns stand, the log as it was, and the log as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.conversations.ports import History
from api.http.providing import provided
from api.log_view.live_log import LiveLog
from api.streaming.readers import Readers
from api.turns.ports import GenerationReads
from projections.messages.turns import TurnPlace
from topics.catalogue import Catalogue


class PlaceReads(Protocol):
    """Where a conversation's records stand. Every method raises StoreUnavailable when it cannot be asked."""

    async def begun_at(self, conversation_id: str) -> int | None:
        """The order key of the conversation's first record; None if it is not there, or deleted."""

    async def turn_places(self, conversation_id: str, before: int | None, limit: int) -> Sequence[TurnPlace]:
        """At most `limit` turns before an order key (None: from the newest), newest first; fewer: there are no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogViewPorts:
    """What the routes of the log view need."""

    places: PlaceReads
    generations: GenerationReads
    history: History
    live: LiveLog
    readers: Readers
    topics: Catalogue


LogView = Annotated[LogViewPorts, Depends(provided(LogViewPorts))]
