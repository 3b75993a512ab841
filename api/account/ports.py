"""What settings, folders, snippets and usage need of the projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.access.own_models import OwnModels
from api.http.providing import provided
from projections.preferences.queries import FolderRow, SnippetRow
from projections.usage_rollups.queries import Asked, SumRow
from schemas.envelope import Content


class PreferenceReads(Protocol):
    """What users keep beside their conversations. Every method raises StoreUnavailable."""

    async def settings(self, user_id: str) -> Mapping[str, Content]:
        """What the user has set, as JSON by name; what is at its default is left out."""

    async def folders(self, user_id: str) -> Sequence[FolderRow]:
        """The user's folders, oldest first."""

    async def snippets(self, user_id: str) -> Sequence[SnippetRow]:
        """The user's snippets, oldest first."""

    async def usage_sums(self, asked: Asked) -> Sequence[SumRow]:
        """The sums of a scope that make up a span of time. Raises TooManySums, which is bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePorts:
    """What the routes of an account need."""

    reads: PreferenceReads
    own_models: OwnModels


Preferences = Annotated[PreferencePorts, Depends(provided(PreferencePorts))]
