"""The OpenAI adapter for embeddings: an upstream that misbehaves, keys, tries, what is sent."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from infra.embeddings import openai as adapter
from infra.embeddings.embedders import Embedders
from infra.embeddings.openai import UpstreamEmbedder
from infra.embeddings.openai_answers import refusal
from infra.embeddings.ports import EmbeddingFailed
from tests.fakes.embedding_upstream import UPSTREAM, EmbeddingUpstream, vector_of


@pytest_asyncio.fixture
async def upstream(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddingUpstream]:
    monkeypatch.setattr(adapter, "PAUSE_S", 0.0)
    async with EmbeddingUpstream() as server:
        yield server


async def refused(upstream: EmbeddingUpstream, *texts: str) -> EmbeddingFailed:
    async with contextlib.aclosing(UpstreamEmbedder(replace(UPSTREAM, address=upstream.url))) as embedder:
        with pytest.raises(EmbeddingFailed) as raised:
            await embedder.embed(texts)
    assert "secret" not in str(raised.value)
    assert not any(text in str(raised.value) for text in texts)
    return raised.value


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("GARBAGE", "not JSON"),
        ("LITERAL [1]", "no list of embeddings"),
        ('LITERAL {"data": {}}', "no list of embeddings"),
        ('LITERAL {"data": [NaN]}', "not JSON"),
        ('LITERAL {"data": [1, 2]}', "indexes"),
        ('LITERAL {"data": [{"index": 1.5}, {}]}', "indexes"),
        ("FEWER", "1 embeddings for 2 texts"),
        ("MORE", "3 embeddings for 2 texts"),
        ("NARROW", "7 dimensions, models.toml says 8"),
        ("WORDS", "not a list of numbers"),
        ("FLAGS", "not a list of numbers"),
        ("NONE", "not a list of numbers"),
        ("LARGE", "not finite"),
        ("NANS", "not finite"),
        ("ODD", "not base64"),
        ("TWICE", "indexes"),
        ("BEYOND", "indexes"),
        ("HUGE", "more than vectors of its texts take"),
    ],
)
async def test_an_answer_that_cannot_be_right_is_an_error(upstream: EmbeddingUpstream, order: str, said: str) -> None:
    failure = (await refused(upstream, order, "secret text")).failure
    assert said in failure.message
    wrong = ("engine_misconfigured", False) if order == "NARROW" else ("engine_failed", True)
    assert (failure.code, failure.retryable) == wrong
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("order", "code", "tries"),
    [
        ("STATUS 401 secret", "engine_auth", 1),
        ("STATUS 403", "engine_auth", 1),
        ("STATUS 404", "engine_misconfigured", 1),
        ("STATUS 302", "engine_misconfigured", 1),
        ("STATUS 418", "engine_misconfigured", 1),
        ("STATUS 400 secret", "invalid_request", 1),
        ("STATUS 400 this model's maximum context length is 5", "context_length_exceeded", 1),
        ("STATUS 500 input is too large to process", "context_length_exceeded", 1),
        ("STATUS 429", "engine_overloaded", 1),
        ("STATUS 500", "engine_unavailable", 3),
        ("STATUS 408", "engine_unavailable", 3),
        ("DIE", "engine_unavailable", 3),
    ],
)
async def test_statuses_and_broken_connections(upstream: EmbeddingUpstream, order: str, code: str, tries: int) -> None:
    failure = (await refused(upstream, order)).failure
    assert failure.code == code
    assert len(upstream.requests) == tries
    assert failure.retry_after_s == (3 if code == "engine_overloaded" else None)


@pytest.mark.parametrize(
    ("said", "wait_s"), [("7", 7), ("7000", 3600), ("9" * 5000, 3600), ("-1", 1), ("soon", 1), ("²", 1), ("", 1)]
)
def test_how_long_an_overloaded_upstream_is_left_alone(said: str, wait_s: int) -> None:
    assert refusal(UPSTREAM, 429, b"", said).failure.retry_after_s == wait_s


@pytest.mark.parametrize("order", ["BASE64", "BACKWARDS"])
async def test_other_shapes_that_say_the_same(upstream: EmbeddingUpstream, order: str) -> None:
    async with contextlib.aclosing(UpstreamEmbedder(replace(UPSTREAM, address=upstream.url))) as embedder:
        found = await embedder.embed([order, "two"])
    for row, text in enumerate((order, "two")):
        wanted = np.array(vector_of(text)) / np.linalg.norm(vector_of(text))
        assert np.allclose(found.vectors[row], wanted, atol=1e-5)
    assert (found.tokens, found.estimated) == (6, False)


@pytest.mark.parametrize("order", ["NOUSAGE", "MANY", "MINUS"])
async def test_tokens_that_cannot_be_true_are_counted_here(upstream: EmbeddingUpstream, order: str) -> None:
    async with contextlib.aclosing(UpstreamEmbedder(replace(UPSTREAM, address=upstream.url))) as embedder:
        found = await embedder.embed([order, "x" * 400])
    assert found.estimated
    assert 50 <= found.tokens <= 400


async def test_an_upstream_that_is_away_for_a_moment_is_asked_again(upstream: EmbeddingUpstream) -> None:
    upstream.failing = 2
    async with contextlib.aclosing(UpstreamEmbedder(replace(UPSTREAM, address=upstream.url))) as embedder:
        assert len((await embedder.embed(["one"])).vectors) == 1
    assert len(upstream.requests) == 3


async def test_nobody_at_the_address() -> None:
    async with contextlib.aclosing(UpstreamEmbedder(replace(UPSTREAM, address="http://127.0.0.1:9/v1"))) as embedder:
        with pytest.raises(EmbeddingFailed, match="cannot be reached") as raised:
            await embedder.embed(["one"])
    assert raised.value.failure.retryable


async def test_what_is_sent_and_with_which_key(upstream: EmbeddingUpstream) -> None:
    spec = replace(UPSTREAM, address=upstream.url, api_key_env="FAR_KEY")
    async with contextlib.aclosing(UpstreamEmbedder(spec, {})) as embedder:
        with pytest.raises(EmbeddingFailed, match="FAR_KEY"):
            await embedder.embed(["one"])
    async with contextlib.aclosing(UpstreamEmbedder(spec, {"FAR_KEY": "sk-1"})) as embedder:
        await embedder.embed(["one", "two"])
    assert upstream.requests == [{"model": "far-1", "input": ["one", "two"], "encoding_format": "float"}]
    assert upstream.headers[0]["Authorization"] == "Bearer sk-1"


async def test_an_upstream_that_is_too_slow(upstream: EmbeddingUpstream, tmp_path: Path) -> None:
    spec = replace(UPSTREAM, address=upstream.url, timeout_s=0.3)
    async with contextlib.aclosing(Embedders.of([spec], tmp_path, tmp_path)) as embedders:
        with pytest.raises(EmbeddingFailed, match=r"no vectors within 0\.3 s") as raised:
            await embedders.embed(spec, ["SLOW"])
    assert (raised.value.failure.code, raised.value.failure.retryable) == ("engine_timeout", True)
