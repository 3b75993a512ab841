"""`faust -A tests.integration.streams_probe.any_history worker`: the conversation agent; every turn has a history.

Beside agents of a test that answer prompts faster than projections would show the answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy_file import load_policy
from infra.settings import load
from schemas.conversation import ChatMessage
from streams.conversation.agent import make_conversation_app
from streams.conversation.ports import HistoryPort, NoHistory
from tests.fakes.history import MemoryHistory


class _EveryTurn(MemoryHistory):
    """Before every message stand one question and its answer."""

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        return NoHistory((ChatMessage("user", "question"), ChatMessage("assistant", "answer")))


@asynccontextmanager
async def _open_history() -> AsyncIterator[HistoryPort]:
    yield _EveryTurn()


_settings = load()
app = make_conversation_app(_settings, ModelCatalogue.load(_settings.models), load_policy(), _open_history)
