"""`faust -A tests.integration.streams_probe.conversation worker`: the conversation agent with a history in memory."""

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

KNOWN_LEAF = "leaf"


class _EveryConversation(MemoryHistory):
    """Each conversation has one question and its answer before KNOWN_LEAF."""

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        """The one chain there is."""
        if leaf_message_id != KNOWN_LEAF:
            return None
        return NoHistory((ChatMessage("user", "question"), ChatMessage("assistant", "answer")))


@asynccontextmanager
async def _open_history() -> AsyncIterator[HistoryPort]:
    yield _EveryConversation()


_settings = load()
app = make_conversation_app(_settings, ModelCatalogue.load(_settings.models), load_policy(), _open_history)
