"""The same upstream answers at the OpenAI engine alone: many more than a whole stack can be given in the gate."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.ports import EngineError
from infra.models.catalogue import Deadlines, ModelSpec
from tests.conformance.adapters import OPENAI
from tests.conformance.engines import Answer, answer, call
from tests.fuzz.drawing import drawn
from tests.fuzz.oracle import judge_text
from tests.fuzz.plans import Plan
from tests.fuzz.reference import MAX_CHARACTERS
from tests.fuzz.streams import plans
from tests.fuzz.upstream import Upstream, case_prompt

COUNT = int(os.environ.get("FUZZ_ENGINE_COUNT", "1000"))
SEED = int(os.environ.get("FUZZ_ENGINE_SEED", "20261130"))
AT_ONCE = 32
DEADLINES = Deadlines(2.0, 1.5, 8.0)
PATIENT = Deadlines(20.0, 20.0, 40.0)
LATE = "engine_timeout"


async def _wrong(
    engine: PerseveringEngine, model: ModelSpec, name: str, plan: Plan, deadlines: Deadlines = DEADLINES
) -> list[str]:
    got, code = Answer(), ""
    try:
        await answer(engine, call(model, case_prompt(name), deadlines=deadlines), got)
        status, reason = "completed", got.finish.reason if got.finish else None
    except EngineError as error:
        status, reason, code = "failed", None, error.code
    wrong = list(judge_text(plan, got.text[:MAX_CHARACTERS], status, reason))  # the bound is the worker's
    return [f"{what} {code}".strip() for what in wrong]


@pytest.mark.timeout(120 + COUNT // 20)
@pytest.mark.slow("hundreds of upstream answers are read, one after the other")
async def test_what_an_engine_says_is_what_was_sent() -> None:
    named = {f"engine-{number}": plan for number, plan in enumerate(drawn(plans(), COUNT, SEED))}
    waiting, faults = list(named), dict[str, list[str]]()
    async with Upstream(named) as upstream:
        model = replace(OPENAI, address=upstream.address)
        engine = PerseveringEngine(OpenAIEngine([model]))

        async def client() -> None:
            while waiting:
                name = waiting.pop()
                if wrong := await _wrong(engine, model, name, named[name]):
                    faults[name] = wrong

        try:
            async with asyncio.TaskGroup() as clients:
                for _ in range(AT_ONCE):
                    clients.create_task(client())
            # A machine that stands still for a moment is no fault of the engine's: once more, alone and with time.
            for name in [name for name, wrong in faults.items() if LATE in wrong[0] and not named[name].slow]:
                if not (wrong := await _wrong(engine, model, name, named[name], PATIENT)):
                    del faults[name]
                else:
                    faults[name] = wrong
        finally:
            await engine.aclose()
        assert upstream.strays == 0
    told = (f"{name} {wrong}\n{named[name]!r}"[:3000] for name, wrong in faults.items())
    assert faults == {}, "\n".join(told)
