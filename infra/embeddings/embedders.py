"""The engines for embeddings of one process, one for each model, and the bounded queue before them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import Counter, Histogram

from infra.clock import monotonic_s
from infra.embeddings.gguf import GgufEmbedder
from infra.embeddings.openai import UpstreamEmbedder
from infra.embeddings.ports import Embedded, Embedder, failed
from infra.embeddings.static import StaticEmbedder
from infra.models.embedding_spec import EmbeddingSpec
from infra.runtime.metrics import bound

LOCAL_AT_ONCE = 1
"""Requests that one model computes on this machine at the same time: one takes a core."""
MAX_WAITING = 64
MAX_WAITING_CHARACTERS = 32 * 1024 * 1024
"""Requests, and characters of their texts, that wait for a place in all."""

TEXTS = Counter("verbatim_embeddings_texts_total", "Texts that vectors were made of.", ("model",))
TOKENS = Counter("verbatim_embeddings_tokens_total", "Tokens of those texts.", ("model",))
SECONDS = Histogram(
    "verbatim_embeddings_seconds",
    "From a request to its vectors, the wait for a place included.",
    ("model",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_full = bound("embeddings.waiting")


class QueueFull(Exception):
    """So many requests wait already that no more is taken."""


class Embedders:
    """What the api asks for vectors."""

    def __init__(self, embedders: Mapping[str, Embedder], places: Mapping[str, asyncio.Semaphore]) -> None:
        """By model id: its engine, and how many requests it computes at once. `waiting`: requests without a place."""
        self._embedders = dict(embedders)
        self.places = dict(places)
        self.waiting = 0
        self._characters = 0
        self._counters = {name: (TEXTS.labels(name), TOKENS.labels(name), SECONDS.labels(name)) for name in embedders}

    @classmethod
    def of(
        cls,
        models: Sequence[EmbeddingSpec],
        vectors: Path,
        packages: Path,
        environ: Mapping[str, str] = os.environ,
    ) -> Embedders:
        """For these models. Nothing is opened before its first use.

        `vectors`: the folder of the static one's; `packages`: the folder that has llama.cpp, for files of the user's.
        """
        embedders: dict[str, Embedder] = {}
        places: dict[str, asyncio.Semaphore] = {}
        for spec in models:
            if spec.engine == "static":
                embedders[spec.id] = StaticEmbedder(spec, vectors)
            elif spec.engine == "gguf":
                embedders[spec.id] = GgufEmbedder(spec, packages)
            else:
                embedders[spec.id] = UpstreamEmbedder(spec, environ)
            places[spec.id] = asyncio.Semaphore(spec.max_connections if spec.engine == "openai" else LOCAL_AT_ONCE)
        return cls(embedders, places)

    async def embed(self, spec: EmbeddingSpec, texts: Sequence[str]) -> Embedded:
        """The vectors, within the model's `timeout_s`, the wait for a place included.

        Raises QueueFull, EmbeddingFailed, TextTooLong.
        """
        began_s = monotonic_s()
        try:
            async with asyncio.timeout(spec.timeout_s), self._place(spec, sum(map(len, texts))):
                embedded = await self._embedders[spec.id].embed(texts)
        except TimeoutError:
            said = f"the engine of {spec.id} made no vectors within {spec.timeout_s:g} s"
            raise failed("engine_timeout", said, retryable=True) from None
        made, tokens, seconds = self._counters[spec.id]
        made.inc(len(texts))
        tokens.inc(embedded.tokens)
        seconds.observe(monotonic_s() - began_s)
        return embedded

    async def most_tokens(self, spec: EmbeddingSpec, texts: Sequence[str]) -> int:
        """How many tokens the vectors of these texts count at most, within the model's `timeout_s`.

        Raises QueueFull, EmbeddingFailed, TextTooLong.
        """
        try:
            async with asyncio.timeout(spec.timeout_s), self._place(spec, sum(map(len, texts))):
                return await self._embedders[spec.id].most_tokens(texts)
        except TimeoutError:
            said = f"the engine of {spec.id} counted no tokens within {spec.timeout_s:g} s"
            raise failed("engine_timeout", said, retryable=True) from None

    async def aclose(self) -> None:
        for embedder in self._embedders.values():
            await embedder.aclose()

    @asynccontextmanager
    async def _place(self, spec: EmbeddingSpec, characters: int) -> AsyncIterator[None]:
        places = self.places[spec.id]
        if places.locked():
            crowded = self._characters + characters > MAX_WAITING_CHARACTERS
            if self.waiting >= MAX_WAITING or crowded:
                _full()
                raise QueueFull
        self.waiting += 1
        self._characters += characters
        try:
            await places.acquire()
        finally:
            self.waiting -= 1
            self._characters -= characters
        try:
            yield
        finally:
            places.release()
