"""LangChain's own integration tests for chat models, with ChatOpenAI pointed here, by both of its APIs.

Collected by the judges' pytest, which has none of our packages; see environment.py.
"""

from __future__ import annotations

import os
from typing import Any

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class Judged(ChatModelIntegrationTests):
    """What both modes share. Pictures by address, PDFs and sound are features that are not claimed."""

    @property
    def chat_model_class(self) -> type[ChatOpenAI]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": os.environ["JUDGED_MODEL"],
            "base_url": os.environ["JUDGED_URL"],
            "api_key": os.environ["JUDGED_KEY"],
            "timeout": 60,
            "stream_usage": True,
        }

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return False


class TestChatCompletions(Judged):
    """POST /v1/chat/completions."""


class TestResponses(Judged):
    """POST /v1/responses."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return super().chat_model_params | {"use_responses_api": True}
