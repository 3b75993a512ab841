"""The in-process adapter: a child that cannot start, and one that dies."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inference_workers.engines.tensorrt_llm import TensorRTLLMEngine
from inference_workers.ports import EngineRejected, EngineUnavailable
from tests.conformance.adapters import FAKE_API, IN_PROCESS, ready
from tests.conformance.engines import answer, call, until


async def test_in_process_without_the_package_or_the_model() -> None:
    root = str(Path(__file__).parents[2])
    for environ, model, said in (
        ({"PYTHONPATH": root}, IN_PROCESS, "is not installed"),
        ({"PYTHONPATH": f"{FAKE_API}:{root}"}, replace(IN_PROCESS, upstream_model="missing-model"), "could not load"),
    ):
        async with contextlib.aclosing(TensorRTLLMEngine([model], environ)) as engine:
            with pytest.raises(EngineUnavailable):
                await engine.check()

            async def refused(engine: TensorRTLLMEngine = engine, said: str = said) -> bool:
                with pytest.raises(EngineUnavailable, match=said):
                    await engine.check()
                return True

            await until(refused, 20)
    assert "tensorrt_llm" not in sys.modules


async def test_in_process_a_dead_child_fails_its_calls_and_is_replaced(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": f"{FAKE_API}:{Path(__file__).parents[2]}"}
    async with contextlib.aclosing(TensorRTLLMEngine([IN_PROCESS], environ)) as engine:
        await until(lambda: ready(engine), 20)
        with pytest.raises(ExceptionGroup) as raised:
            async with asyncio.TaskGroup() as tasks:
                for message in ("STALL abcdef", "CRASH abcdef"):
                    tasks.create_task(answer(engine, call(IN_PROCESS, message)))
        assert all(isinstance(error, EngineUnavailable) for error in raised.value.exceptions)
        await until(lambda: ready(engine), 20)
        with pytest.raises(EngineRejected):
            await answer(engine, call(IN_PROCESS, "x" * 200_000))
        assert (await answer(engine, call(IN_PROCESS, "again"))).text == "again"
