"""Answers that were kept, read again whole, whichever surface they were asked for by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from projections.stored import StoredGeneration, StoredPage
from projections.stored_generations.queries import Order


class StoredReads(Protocol):
    """Kept answers in the projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def stored_generation(self, user_id: str, generation_id: str) -> StoredGeneration | None:
        """An answer of this user with its whole command; None: there is none, it is deleted, or not to be kept."""

    async def stored_generations(
        self,
        user_id: str,
        surface: str,
        *,
        after: str | None = None,
        order: Order = "desc",
        limit: int = 20,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredPage | None:
        """A page of the answers that the user asked for by `surface` with `store`; None: `after` is none of them."""
