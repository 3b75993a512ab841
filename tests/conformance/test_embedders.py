"""One suite for every engine that makes embeddings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from infra.embeddings.gguf import GgufEmbedder
from infra.embeddings.openai import BATCH_TEXTS, UpstreamEmbedder
from infra.embeddings.ports import Embedder, Vectors
from infra.embeddings.static import StaticEmbedder
from infra.models.embedding_spec import EmbeddingSpec
from tests.conformance.test_embedder_gguf import STAND_IN, gguf
from tests.fakes.embedding_upstream import UPSTREAM, EmbeddingUpstream
from tests.fakes.word_vectors import STATIC, make_word_vectors

TEXTS = ["The cat sat on the mat.", "Zinsen steigen", "  ", "漢字\n🦉", "a", "The cat sat on the mat."]


@dataclass
class EmbedderUnderTest:
    spec: EmbeddingSpec
    embedder: Embedder


Open = Callable[[], AbstractAsyncContextManager[EmbedderUnderTest]]


@pytest.fixture(params=["static", "openai", "gguf"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def static() -> AsyncIterator[EmbedderUnderTest]:
        embedder = StaticEmbedder(STATIC, make_word_vectors(tmp_path))
        async with contextlib.aclosing(embedder):
            yield EmbedderUnderTest(STATIC, embedder)

    @asynccontextmanager
    async def upstream() -> AsyncIterator[EmbedderUnderTest]:
        async with EmbeddingUpstream() as server:
            spec = replace(UPSTREAM, address=server.url)
            async with contextlib.aclosing(UpstreamEmbedder(spec)) as embedder:
                yield EmbedderUnderTest(spec, embedder)

    @asynccontextmanager
    async def child() -> AsyncIterator[EmbedderUnderTest]:
        spec = gguf(tmp_path)
        async with contextlib.aclosing(GgufEmbedder(spec, STAND_IN)) as embedder:
            yield EmbedderUnderTest(spec, embedder)

    return {"static": static, "openai": upstream, "gguf": child}[request.param]


def check(vectors: Vectors, spec: EmbeddingSpec, texts: int) -> None:
    assert vectors.shape == (texts, spec.dimensions)
    assert vectors.dtype == np.dtype(np.float32)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_one_vector_a_text_in_their_order(opened: Open) -> None:
    async with opened() as under_test:
        together = await under_test.embedder.embed(TEXTS)
        check(together.vectors, under_test.spec, len(TEXTS))
        assert not together.estimated and together.tokens >= len(TEXTS)
        tokens = 0
        for row, text in enumerate(TEXTS):
            alone = await under_test.embedder.embed([text])
            check(alone.vectors, under_test.spec, 1)
            assert np.allclose(alone.vectors[0], together.vectors[row], atol=1e-5)
            tokens += alone.tokens
        assert tokens == together.tokens
        assert np.allclose(together.vectors[0], together.vectors[-1])
        assert not np.allclose(together.vectors[0], together.vectors[1], atol=0.01)


async def test_never_more_tokens_than_were_told_before(opened: Open) -> None:
    async with opened() as under_test:
        for texts in (TEXTS, ["a"], ["one two three " * 5], ["\u6f22" * 20, "  "]):
            most = await under_test.embedder.most_tokens(texts)
            counted = (await under_test.embedder.embed(texts)).tokens
            assert counted <= most <= len(texts) * under_test.spec.max_input_tokens
            if under_test.spec.engine == "static":
                assert counted == most


async def test_the_same_text_has_the_same_vector_whenever_it_is_asked_for(opened: Open) -> None:
    async with opened() as under_test:
        first, second = await asyncio.gather(*(under_test.embedder.embed(TEXTS) for _ in range(2)))
        assert np.array_equal(first.vectors, second.vectors)


async def test_as_many_texts_as_a_request_may_have(opened: Open) -> None:
    texts = [f"text number {number}" for number in range(2048)]
    assert len(texts) > BATCH_TEXTS
    async with opened() as under_test:
        many = await under_test.embedder.embed(texts)
        check(many.vectors, under_test.spec, len(texts))
        for row in (0, 63, 64, 65, 2047):
            alone = await under_test.embedder.embed([texts[row]])
            assert np.allclose(alone.vectors[0], many.vectors[row], atol=1e-5)


async def test_a_request_that_is_given_up_leaves_the_next_one_whole(opened: Open) -> None:
    async with opened() as under_test:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await under_test.embedder.embed(["text"] * 2048)
        check((await under_test.embedder.embed(TEXTS)).vectors, under_test.spec, len(TEXTS))
