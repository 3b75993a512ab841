"""The engine adapters, behind one front that chooses the adapter of a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from importlib import import_module

from inference_workers.ports import Engine, EngineError, EngineEvent, EngineRequest
from infra.blobs.ports import BlobReader
from infra.models.catalogue import ModelSpec

__all__ = ["Engines", "import_adapters"]


def import_adapters(models: Iterable[ModelSpec]) -> None:
    """Import what Engines of these models needs. For a thread: an adapter's client is a fifth of a worker's start, and
    a worker that died is waited for; other parts of the start wait for servers meanwhile.
    """
    for engine in {model.engine for model in models}:
        import_module(f"{__name__}.{engine}")


class Engines:
    """An Engine for all models, each served by the adapter its entry names. Adapters connect at first use."""

    def __init__(self, models: Iterable[ModelSpec], triton_address: str = "", blobs: BlobReader | None = None) -> None:
        by_engine: dict[str, list[ModelSpec]] = {}
        for model in models:
            by_engine.setdefault(model.engine, []).append(model)
        self._engines: dict[str, Engine] = {}
        # Each adapter's client is imported only where a model needs it: see import_adapters.
        if served := by_engine.get("triton"):
            from inference_workers.engines.triton import TritonEngine

            self._engines["triton"] = TritonEngine(served, triton_address)
        if served := by_engine.get("openai"):
            from inference_workers.engines.openai import OpenAIEngine

            self._engines["openai"] = OpenAIEngine(served, blobs=blobs)
        if served := by_engine.get("tensorrt_llm"):
            from inference_workers.engines.tensorrt_llm import TensorRTLLMEngine

            self._engines["tensorrt_llm"] = TensorRTLLMEngine(served)

    def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate. Raises KeyError for a model of an engine that no model given here has."""
        return self._engines[request.model.engine].generate(request)

    def continues(self, model: ModelSpec) -> bool:
        return self._engines[model.engine].continues(model)

    async def check(self) -> None:
        """Check all engines at once. Raises the first EngineError, with all others noted on it."""
        results = await asyncio.gather(*(engine.check() for engine in self._engines.values()), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if not isinstance(error, EngineError):
                raise error
        if errors:
            for error in errors[1:]:
                errors[0].add_note(str(error))
            raise errors[0]

    async def aclose(self) -> None:
        for engine in self._engines.values():
            await engine.aclose()
