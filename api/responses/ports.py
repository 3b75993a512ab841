"""What responses need beside turns: answers that were kept, read again whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.http.providing import provided
from projections.stored import StoredGeneration


class StoredReads(Protocol):
    """Answers in the projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def stored_generation(self, user_id: str, generation_id: str) -> StoredGeneration | None:
        """An answer of this user with its whole command; None: there is none, it is deleted, or not to be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePorts:
    """What the routes of responses need."""

    stored: StoredReads


Responses = Annotated[ResponsePorts, Depends(provided(ResponsePorts))]
