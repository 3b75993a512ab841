"""`python -m tests.integration.streams_probe.conversation`: the conversation agent with a history in memory.

It makes titles: every conversation gets one whose first prompt's id begins with TITLED.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy_file import load_policy
from infra.processes.runner import run
from infra.settings import Settings
from schemas.conversation import ChatMessage
from streams.conversation.agent import make_conversation_app
from streams.conversation.ports import ConversationPorts, FirstTurn, NoHistory
from streams.conversation.titles import TitleModel
from streams.faust.app import StreamApp
from streams.faust.running import run_app
from tests.fakes.history import MemoryHistory

KNOWN_LEAF = "leaf"
TITLED = "titled-"


class _EveryConversation(MemoryHistory):
    """Each conversation has one question and its answer before KNOWN_LEAF."""

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        """The one chain there is."""
        if leaf_message_id != KNOWN_LEAF:
            return None
        return NoHistory((ChatMessage("user", "question"), ChatMessage("assistant", "answer")))

    async def first_turn(
        self, conversation_id: str, prompt_message_id: str, title_generation_id: str
    ) -> FirstTurn | None:
        return FirstTurn(prompt="Why is the sky blue?", title_asked=not prompt_message_id.startswith(TITLED))

    async def beginning(self, conversation_id: str) -> NoHistory | None:
        return NoHistory()


@asynccontextmanager
async def _open_history() -> AsyncIterator[ConversationPorts]:
    yield _EveryConversation()


def make_app(settings: Settings) -> StreamApp:
    models = ModelCatalogue.of(settings)
    titles = TitleModel(models.default_model.id, models.default_model.version)
    return make_conversation_app(settings, models, load_policy(), _open_history, titles=titles)


if __name__ == "__main__":
    sys.exit(run("conversation", lambda settings: run_app(lambda: make_app(settings))))
