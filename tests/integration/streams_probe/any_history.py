"""`python -m tests.integration.streams_probe.any_history`: the conversation agent; every turn has a history.

Beside agents of a test that answer prompts faster than projections would show the answers.
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
from streams.conversation.ports import ConversationPorts, NoHistory
from streams.faust.app import StreamApp
from streams.faust.running import run_app
from tests.fakes.history import MemoryHistory


class _EveryTurn(MemoryHistory):
    """Before every message stand one question and its answer."""

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        return NoHistory((ChatMessage("user", "question"), ChatMessage("assistant", "answer")))


@asynccontextmanager
async def _open_history() -> AsyncIterator[ConversationPorts]:
    yield _EveryTurn()


def make_app(settings: Settings) -> StreamApp:
    return make_conversation_app(settings, ModelCatalogue.of(settings), load_policy(), _open_history)


if __name__ == "__main__":
    sys.exit(run("conversation", lambda settings: run_app(lambda: make_app(settings))))
