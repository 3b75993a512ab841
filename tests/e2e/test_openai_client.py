"""The official `openai` client against the whole product: a newcomer's first lines of code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.stack import CANARY, Stack

pytestmark = pytest.mark.stack
TOOLED = "verbatim-scripted"
"""A model that calls the functions that a prompt names."""


@pytest.fixture
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=0, timeout=60) as client:
        yield client


def first_model(client: openai.OpenAI) -> str:
    return next(iter(client.models.list())).id


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    models = list(client.models.list())
    assert models
    assert client.models.retrieve(models[0].id) == models[0]


def test_an_answer_is_the_same_whole_and_streamed(client: openai.OpenAI) -> None:
    model = first_model(client)
    whole = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": f"What is 6 * 7? {CANARY}"}], temperature=0, seed=1
    )
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": f"What is 6 * 7? {CANARY}"}],
        temperature=0,
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert whole.choices[0].message.content == text
    assert whole.choices[0].finish_reason == "stop"
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0


def test_max_tokens_ends_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=first_model(client), messages=[{"role": "user", "content": f"Count to 100. {CANARY}"}], max_tokens=3
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_errors_are_its_exceptions(client: openai.OpenAI, stack: Stack) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="nope", messages=[{"role": "user", "content": CANARY}])
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model=first_model(client), messages=[{"role": "user", "content": "word " * 100_000}]
        )
    assert long.value.code == "context_length_exceeded"
    with (
        openai.OpenAI(base_url=f"{stack.url}/v1", api_key="vk_" + "x" * 43, max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_texts_are_judged_by_the_rules_that_prompts_are(client: openai.OpenAI) -> None:
    made = client.moderations.create(input=["How do I kill myself?", f"Good morning. {CANARY}"])
    assert [each.flagged for each in made.results] == [True, False]
    assert made.results[0].categories.self_harm_instructions is True


def test_a_round_of_tools(client: openai.OpenAI) -> None:
    numbers = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    tools: Any = [{"type": "function", "function": {"name": "add", "parameters": numbers}}]
    messages: list[Any] = [{"role": "user", "content": f"What is add(3, 4)? {CANARY}"}]
    answer = client.chat.completions.create(model=TOOLED, messages=messages, tools=tools).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = list[Any](answer.message.tool_calls or ())
    assert (call.type, call.function.name) == ("function", "add")
    assert json.loads(call.function.arguments) == {"a": 3, "b": 4}
    with client.chat.completions.stream(model=TOOLED, messages=messages, tools=tools) as stream:
        streamed: list[Any] = list(stream.get_final_completion().choices[0].message.tool_calls or ())
    assert [json.loads(each.function.arguments) for each in streamed] == [{"a": 3, "b": 4}]
    messages += [answer.message, {"role": "tool", "tool_call_id": call.id, "content": "7"}]
    said = client.chat.completions.create(model=TOOLED, messages=messages, tools=tools).choices[0]
    assert said.finish_reason == "stop" and "7" in (said.message.content or "")


def test_several_answers_are_kept_as_one(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(
        model=TOOLED,
        messages=[{"role": "user", "content": f"What is 6 * 7? {CANARY}"}],
        n=3,
        store=True,
        metadata={"from": "e2e"},
        extra_headers={"Idempotency-Key": "several"},
    )
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert all("42" in (choice.message.content or "") for choice in made.choices)
    (kept,) = client.chat.completions.list(metadata={"from": "e2e"})
    assert (kept.id, kept.choices, kept.usage) == (made.id, made.choices, made.usage)
    assert client.chat.completions.delete(made.id).deleted
    assert list(client.chat.completions.list(metadata={"from": "e2e"})) == []
