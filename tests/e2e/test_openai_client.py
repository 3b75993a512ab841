"""The official `openai` client against the whole product: a newcomer's first lines of code."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.e2e.stack import CANARY, Stack

pytestmark = pytest.mark.stack


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
