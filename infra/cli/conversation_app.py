"""Composition root of the conversation process: the agent, and the history it reads from the projections.

`faust -A infra.cli.conversation_app worker`. streams may not know projections, so the two meet here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cassandra import StoreUnavailable
from infra.models import ModelCatalogue, ModelNotFound
from infra.settings import load
from projections.facade import Projections
from projections.history import ProjectedHistory
from schemas.generation import Price
from streams.conversation.agent import make_conversation_app
from streams.conversation.ports import HistoryPort, NoHistory
from streams.conversation.reactor import UNKNOWN_PRICE
from streams.mistakes import explained
from streams.moderation.policy_file import load_policy

with explained():
    _settings = load()
    _models = ModelCatalogue.load(_settings.models)


def _price_of(model: str) -> Price:
    try:
        return _models.get(model).price
    except ModelNotFound:
        return UNKNOWN_PRICE


class _History(ProjectedHistory):
    """The agent's history port, of what the projections offer."""

    def __init__(self, projections: Projections) -> None:
        super().__init__(projections, _price_of)
        self._facade = projections

    async def beginning(self, conversation_id: str) -> NoHistory | None:
        """The conversation without its messages. None while it is not there yet. Raises StoreUnavailable."""
        conversation = await self._facade.conversation(conversation_id)
        if conversation is not None:
            return NoHistory(system_prompt=conversation.system_prompt)
        return NoHistory(deleted=True) if await self._facade.is_deleted(conversation_id) else None


@asynccontextmanager
async def _open_history() -> AsyncIterator[HistoryPort]:
    projections = await Projections.connect(_settings.cassandra)
    try:
        yield _History(projections)
    finally:
        await projections.aclose()


with explained():
    app = make_conversation_app(_settings, _models, load_policy(_settings.policy), _open_history, (StoreUnavailable,))
