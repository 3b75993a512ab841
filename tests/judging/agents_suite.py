"""Agents of others, each with one round of a tool: the model calls it, is told its result, and answers with it.

Collected by the judges' pytest, which has none of our packages; see environment.py.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai import OpenAIResponsesModel as PydanticResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

MODEL = os.environ["JUDGED_MODEL"]
ASKED = "What is magic(20, 22)?"


class Joke(BaseModel):
    setup: str
    punchline: str


def _client() -> AsyncOpenAI:
    return AsyncOpenAI(base_url=os.environ["JUDGED_URL"], api_key=os.environ["JUDGED_KEY"], max_retries=0, timeout=60)


@pytest.mark.parametrize("kind", [OpenAIChatModel, PydanticResponsesModel])
async def test_pydantic_ai(kind: Any) -> None:
    model = kind(MODEL, provider=OpenAIProvider(openai_client=_client()))
    agent = PydanticAgent(model)
    calls = []

    @agent.tool_plain
    def magic(a: int, b: int) -> int:
        """Adds."""
        calls.append((a, b))
        return a + b

    result = await agent.run(ASKED)
    assert calls == [(20, 22)]
    assert "42" in result.output
    async with agent.run_stream(ASKED) as streamed:
        assert "42" in await streamed.get_output()
    assert len(calls) == 2
    joker = PydanticAgent(model, output_type=Joke)
    assert isinstance((await joker.run("A joke about cats, please.")).output, Joke)


@pytest.mark.parametrize("kind", [OpenAIChatCompletionsModel, OpenAIResponsesModel])
async def test_openai_agents(kind: Any) -> None:
    set_tracing_disabled(True)
    calls = []

    @function_tool
    def magic(a: int, b: int) -> int:
        """Adds."""
        calls.append((a, b))
        return a + b

    agent = Agent(name="adder", model=kind(MODEL, openai_client=_client()), tools=[magic])
    result = await Runner.run(agent, ASKED)
    assert calls == [(20, 22)]
    assert "42" in result.final_output
    streamed = Runner.run_streamed(agent, ASKED)
    kinds = [event.type async for event in streamed.stream_events()]
    assert "raw_response_event" in kinds
    assert "42" in streamed.final_output
    joker = Agent(name="joker", model=kind(MODEL, openai_client=_client()), output_type=Joke)
    assert isinstance((await Runner.run(joker, "A joke about cats, please.")).final_output, Joke)
