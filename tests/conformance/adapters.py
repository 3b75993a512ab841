"""Each engine adapter made ready for a test: against the real thing it speaks to, or a faithful stand-in."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tritonclient.grpc import InferenceServerClient

from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.engines.tensorrt_llm import TensorRTLLMEngine
from inference_workers.engines.triton import TritonEngine
from inference_workers.ports import Engine
from infra.models.catalogue import ModelCatalogue, ModelSpec
from infra.stack.triton import MODELS
from tests.conformance.engines import CITY, Asked, Behaviour, EngineUnderTest, answer, call, until
from tests.eventually import eventually_sync
from tests.fakes.openai_upstream import OpenAIUpstream

LOCAL = ModelCatalogue.load()
OPENAI = replace(LOCAL.get("verbatim-local"), id="upstream", engine="openai", upstream_model="m")
IN_PROCESS = replace(LOCAL.get("verbatim-local"), id="in-process", engine="tensorrt_llm", upstream_model="any-model")
FAKE_API = Path(__file__).parents[1] / "fakes" / "tensorrt_llm_api"
TEXT = "Zürich 🎉 and €, <|user|>"


def in_front_of(behind: EngineUnderTest) -> EngineUnderTest:
    """What waits for an engine keeps all that the engine promises."""

    def prepare(behaviour: Behaviour, text: str) -> tuple[Engine, str]:
        engine, message = behind.prepare(behaviour, text)
        return PerseveringEngine(engine), message

    return replace(behind, prepare=prepare)


async def openai_under_test(opened: contextlib.AsyncExitStack) -> EngineUnderTest:
    upstream = await opened.enter_async_context(OpenAIUpstream())
    model = replace(OPENAI, address=upstream.url)
    engine = OpenAIEngine([model])
    opened.push_async_callback(engine.aclose)
    orders: dict[Behaviour, str] = {"echo": "", "stall": "STALL ", "sleep": "SLEEP ", "die": "DIE "}
    asked: dict[Asked, str] = {
        "call": f"CALL {CITY}",
        "two calls": f"CALLS {CITY}",
        "think": "THINK Yes.",
        "think and call": f"THINK CALL {CITY}",
        "refuse": "REFUSE No.",
    }
    return EngineUnderTest(
        model,
        lambda b, text: (engine, orders[b] + text),
        lambda: not upstream.running,
        asks=asked.get,
        guided=True,
    )


async def in_process_under_test(opened: contextlib.AsyncExitStack, folder: Path) -> EngineUnderTest:
    notes = folder / "notes"
    environ = {"PYTHONPATH": f"{FAKE_API}:{Path(__file__).parents[2]}", "FAKE_TENSORRT_LLM_NOTES": str(notes)}
    engine = TensorRTLLMEngine([IN_PROCESS], environ)
    opened.push_async_callback(engine.aclose)
    await until(lambda: ready(engine), 20)
    orders: dict[Behaviour, str] = {"echo": "", "stall": "STALL ", "sleep": "SLEEP ", "die": "CRASH "}
    return EngineUnderTest(
        IN_PROCESS, lambda b, text: (engine, orders[b] + text), lambda: notes.exists(), ids_told=True, asks=_as_text
    )


async def ready(engine: Engine) -> bool:
    """Raises EngineError until the engine can serve."""
    await engine.check()
    return True


@contextlib.contextmanager
def plain_server(folder: Path, models: Path = MODELS) -> Iterator[str]:
    """The local models in a process without Triton; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "infra.local_model.plain", "--port", str(port), "--models", str(models)]
    with (folder / "plain.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log)
    client = InferenceServerClient(address)
    try:
        eventually_sync(lambda: bool(client.is_server_ready(client_timeout=5)), 30)
        yield address
    finally:
        client.close()
        process.terminate()
        assert process.wait(10) == 0
        assert (folder / "plain.log").read_text() == ""


def triton_under_test(opened: contextlib.AsyncExitStack, address: str, model: ModelSpec) -> EngineUnderTest:
    def prepare(behaviour: Behaviour, text: str) -> tuple[Engine, str]:
        knobs: dict[Behaviour, dict[str, int]] = {
            "echo": {"sim_tick_us": 500},
            "stall": {"sim_tick_us": 500, "sim_stall_at": 3},
            "sleep": {"sim_stall_at": 0},
            "die": {"sim_tick_us": 500, "sim_fail_at": 3},
        }
        engine = TritonEngine([model], address, parameters=knobs[behaviour])
        opened.push_async_callback(engine.aclose)
        return engine, f"Repeat: {text}"

    observer = TritonEngine([model], address, parameters={"sim_report_running": 1, "sim_tick_us": 0})
    opened.push_async_callback(observer.aclose)

    async def idle() -> bool:
        return (await answer(observer, call(model, "How many others?"))).text == "0"

    whole = model.dialect == "trtllm_engine"
    as_it_is = json.dumps(CITY, ensure_ascii=False)
    asked: dict[Asked, str] = {
        "call": f"[[call weather {as_it_is}]]",
        "two calls": f"[[call weather {as_it_is}]] [[call time]]",
        "think": "[[think Hm.]] [[quote Yes.]]",
        "think and call": f"[[think Hm.]] [[call weather {as_it_is}]]",
    }
    if whole:
        asked["refuse"] = "[[refuse No.]]"
    return EngineUnderTest(model, prepare, idle, counts_usage=whole, asks=asked.get, guided=whole)


def _as_text(asked: Asked) -> str | None:
    """What a model that repeats its message is asked to say."""
    call = f'<tool_call>\n{{"name": "weather", "arguments": {CITY}}}\n</tool_call>'
    said: dict[Asked, str] = {
        "call": call,
        "two calls": f'{call}\n<tool_call>\n{{"name": "time", "arguments": {{}}}}\n</tool_call>',
        "think": "<think>Hm.</think>\n\nYes.",
        "think and call": f"<think>Hm.</think>\n{call}",
    }
    return said.get(asked)
