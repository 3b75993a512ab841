"""The queue before the engines: bounded in requests, in text and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from infra.embeddings import embedders as queue
from infra.embeddings.embedders import Embedders, QueueFull
from infra.embeddings.ports import Embedded, EmbeddingFailed
from tests.eventually import eventually
from tests.fakes.word_vectors import STATIC


class Held:
    """An engine that answers when it is let go. `running`: how many requests are in it; `most`: were at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.running = self.most = 0
        self.closed = False

    async def embed(self, texts: Sequence[str]) -> Embedded:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        return Embedded(np.zeros((len(texts), 8), np.float32), len(texts))

    async def most_tokens(self, texts: Sequence[str]) -> int:
        return len((await self.embed(texts)).vectors)

    async def aclose(self) -> None:
        self.closed = True


async def test_so_many_run_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING", 3)
    held = Held()
    embedders = Embedders({STATIC.id: held}, {STATIC.id: asyncio.Semaphore(2)})
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(embedders.embed(STATIC, ["a"])) for _ in range(5)]
        await eventually(lambda: held.running == 2 and embedders.waiting == 3)
        with pytest.raises(QueueFull):
            await embedders.embed(STATIC, ["a"])
        held.go.set()
    assert [len(task.result().vectors) for task in asked] == [1] * 5
    assert (held.most, embedders.waiting) == (2, 0)
    assert len((await embedders.embed(STATIC, ["a", "b"])).vectors) == 2
    await embedders.aclose()
    assert held.closed


async def test_the_text_that_waits_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING_CHARACTERS", 100)
    held = Held()
    embedders = Embedders({STATIC.id: held}, {STATIC.id: asyncio.Semaphore(1)})
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(embedders.embed(STATIC, ["a" * 1000]))
        await eventually(lambda: held.running == 1)
        tasks.create_task(embedders.embed(STATIC, ["a" * 90]))
        await eventually(lambda: embedders.waiting == 1)
        with pytest.raises(QueueFull):
            await embedders.embed(STATIC, ["a" * 11])
        held.go.set()


async def test_waiting_and_computing_end_with_the_models_time() -> None:
    held = Held()
    spec = replace(STATIC, timeout_s=0.05)
    embedders = Embedders({spec.id: held}, {spec.id: asyncio.Semaphore(1)})
    failures = await asyncio.gather(*(embedders.embed(spec, ["a"]) for _ in range(2)), return_exceptions=True)
    for failure in failures:
        assert isinstance(failure, EmbeddingFailed)
        assert (failure.failure.code, failure.failure.retryable) == ("engine_timeout", True)
    assert (held.running, embedders.waiting) == (0, 0)
    held.go.set()
    assert len((await embedders.embed(STATIC, ["a"])).vectors) == 1
