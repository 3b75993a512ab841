"""The conversation process: prompts become jobs.

Its agent reads history from the projections: streams may not know projections, so the two meet here.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cassandra.errors import StoreUnavailable
from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy_file import load_policy
from infra.processes.runner import run
from infra.settings import Settings
from infra.tiers.tiers_file import load_tiers
from projections.facade import Projections
from projections.history import ProjectedHistory
from streams.conversation.agent import make_conversation_app
from streams.conversation.ports import ConversationPorts, NoHistory
from streams.conversation.titles import TitleModel
from streams.faust.app import StreamApp
from streams.faust.running import run_app


class _History(ProjectedHistory):
    """The agent's history port, of what the projections offer."""

    def __init__(self, projections: Projections, models: ModelCatalogue) -> None:
        super().__init__(projections, models)
        self._facade = projections

    async def beginning(self, conversation_id: str) -> NoHistory | None:
        """The conversation without its messages. None while it is not there yet. Raises StoreUnavailable."""
        conversation = await self._facade.conversation(conversation_id)
        if conversation is not None:
            return NoHistory(system_prompt=conversation.system_prompt)
        return NoHistory(deleted=True) if await self._facade.is_deleted(conversation_id) else None


def conversation_app(settings: Settings) -> StreamApp:
    """The process' Faust application. Raises SettingsError, ModelsFileError, PolicyError,
    TiersFileError."""
    models = ModelCatalogue.of(settings)

    @asynccontextmanager
    async def open_history() -> AsyncIterator[ConversationPorts]:
        projections = await Projections.connect(settings.cassandra)
        try:
            yield _History(projections, models)
        finally:
            await projections.aclose()

    titles = None if models.titles is None else TitleModel(models.titles.id, models.titles.version)
    policy = load_policy(settings.policy)
    return make_conversation_app(
        settings, models, policy, open_history, (StoreUnavailable,), titles, load_tiers(settings)
    )


def main() -> int:
    return run("conversation", lambda settings: run_app(lambda: conversation_app(settings)))


if __name__ == "__main__":
    sys.exit(main())
