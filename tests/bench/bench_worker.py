"""What a token costs the worker process: read, decode, gather, encode, produce, without Kafka's client.

    python -m tests.bench.bench_worker

Streams of 100 tokens at 50 tokens a second, from the stamping upstream in a process of its own; a log that acknowledges
after a millisecond.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, cast

import uvloop

from inference_workers.answering import answer
from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.ports import EngineRequest
from inference_workers.publishing import AttemptWriter, Outlet
from infra.cli.bench_stack import upstream
from infra.models.catalogue import ModelCatalogue
from schemas.conversation import ChatMessage, Sampling
from tests.generation_logs import TURN, started
from topics.catalogue import catalogue
from topics.producer import Acknowledged, LogProducer

TOKENS = 100
ACKNOWLEDGED_S = 0.001
REPEATS = 5
_MODEL = """\
[[model]]
id = "paced"
description = "x"
engine = "openai"
address = "{address}"
upstream_model = "paced-20"
context_tokens = 4096
max_output_tokens = 4096
price = {{ input = 0, output = 0 }}
"""


class Log:
    """Takes everything. `records`: how many; `bursts`: how often something was acknowledged."""

    def __init__(self) -> None:
        self.records = self.bursts = 0
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Acknowledged] = []

    def fire(self, topic: str, key: str, value: bytes, acknowledged: Acknowledged, headers: object = None) -> None:
        self.records += 1
        if not self._waiting:
            self._loop.call_later(ACKNOWLEDGED_S, self._acknowledge)
        self._waiting.append(acknowledged)

    def _acknowledge(self) -> None:
        self.bursts += 1
        waiting, self._waiting = self._waiting, []
        for acknowledged in waiting:
            acknowledged(None, self.records)


async def measured(models: ModelCatalogue, streams: int) -> tuple[float, float]:
    """(microseconds of CPU a token, records a burst)."""
    log = Log()
    outlet = Outlet(cast(LogProducer, log), cast(LogProducer, log), catalogue())
    engine, model = OpenAIEngine(list(models)), models.get("paced")
    port = PerseveringEngine(engine)

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.02 / streams)
        turn = replace(TURN, generation_id=f"{number:036d}", conversation_id=f"{number:036d}")
        writer = AttemptWriter(outlet, turn, f"{number:016x}", _broken)
        await writer.begin(started(writer.attempt_id), open_when_acknowledged=True)
        messages = (ChatMessage("user", "?"),)
        call = EngineRequest(str(number), model, messages, Sampling(max_tokens=TOKENS), model.deadlines)
        said = await answer(port, call, writer)
        assert said.failure is None, said.failure

    before = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(streams):
            tasks.create_task(one(number))
    cost = (time.process_time() - before) / (streams * TOKENS) * 1e6
    await engine.aclose()
    return cost, log.records / log.bursts


def _broken(error: Any) -> None:
    raise AssertionError(error)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, upstream() as (address, _):
        file = Path(folder) / "models.toml"
        file.write_text(_MODEL.format(address=address))
        models = ModelCatalogue.load((file,), shipped=False)
        for streams in (1, 16, 100):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runs = [runner.run(measured(models, streams)) for _ in range(REPEATS)]
            print(
                f"{streams:>4} streams: {median(cost for cost, _ in runs):5.1f} us a token, {runs[-1][1]:.1f} a burst"
            )


if __name__ == "__main__":
    main()
