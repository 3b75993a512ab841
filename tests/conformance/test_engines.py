"""One suite for every engine adapter: what the port promises, on real servers where there are any."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.engines.tensorrt_llm import TensorRTLLMEngine
from inference_workers.engines.triton import TritonEngine
from inference_workers.ports import (
    Delta,
    Engine,
    EngineFailed,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
)
from infra.models import Deadlines, ModelCatalogue, ModelSpec
from infra.settings import Settings
from schemas.conversation import Sampling
from tests.conformance.engines import Answer, Behaviour, EngineUnderTest, answer, call, until
from tests.fakes.openai_upstream import OpenAIUpstream

LOCAL = ModelCatalogue.load()
OPENAI = replace(LOCAL.get("verbatim-local"), id="upstream", engine="openai", upstream_model="m")
IN_PROCESS = replace(LOCAL.get("verbatim-local"), id="in-process", engine="tensorrt_llm", upstream_model="any-model")
FAKE_API = Path(__file__).parents[1] / "fakes" / "tensorrt_llm_api"
ENGINES = [
    pytest.param("trtllm_engine", marks=pytest.mark.stack),
    pytest.param("llmapi", marks=pytest.mark.stack),
    "openai",
    "tensorrt_llm",
    "persevering",
]
TEXT = "Zürich 🎉 and €, <|user|>"


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EngineUnderTest]:
    """Each adapter against the real thing it speaks to, or a faithful stand-in."""
    async with contextlib.AsyncExitStack() as opened:
        match request.param:
            case "openai":
                yield await openai_under_test(opened)
            case "persevering":
                yield in_front_of(await openai_under_test(opened))
            case "tensorrt_llm":
                yield await in_process_under_test(opened, tmp_path)
            case dialect:
                settings: Settings = request.getfixturevalue("servers")
                name = "verbatim-local" if dialect == "trtllm_engine" else "verbatim-local-llmapi"
                yield triton_under_test(opened, settings, LOCAL.get(name))


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
    return EngineUnderTest(model, lambda b, text: (engine, orders[b] + text), lambda: not upstream.running)


async def in_process_under_test(opened: contextlib.AsyncExitStack, folder: Path) -> EngineUnderTest:
    notes = folder / "notes"
    environ = {"PYTHONPATH": f"{FAKE_API}:{Path(__file__).parents[2]}", "FAKE_TENSORRT_LLM_NOTES": str(notes)}
    engine = TensorRTLLMEngine([IN_PROCESS], environ)
    opened.push_async_callback(engine.aclose)
    await until(lambda: ready(engine), 20)
    orders: dict[Behaviour, str] = {"echo": "", "stall": "STALL ", "sleep": "SLEEP ", "die": "CRASH "}
    return EngineUnderTest(
        IN_PROCESS, lambda b, text: (engine, orders[b] + text), lambda: notes.exists(), ids_told=True
    )


async def ready(engine: Engine) -> bool:
    """Raises EngineError until the engine can serve."""
    await engine.check()
    return True


def triton_under_test(opened: contextlib.AsyncExitStack, settings: Settings, model: ModelSpec) -> EngineUnderTest:
    def prepare(behaviour: Behaviour, text: str) -> tuple[Engine, str]:
        knobs: dict[Behaviour, dict[str, int]] = {
            "echo": {"sim_tick_us": 500},
            "stall": {"sim_tick_us": 500, "sim_stall_at": 3},
            "sleep": {"sim_stall_at": 0},
            "die": {"sim_tick_us": 500, "sim_fail_at": 3},
        }
        engine = TritonEngine([model], settings.triton.grpc, parameters=knobs[behaviour])
        opened.push_async_callback(engine.aclose)
        return engine, f"Repeat: {text}"

    observer = TritonEngine([model], settings.triton.grpc, parameters={"sim_report_running": 1, "sim_tick_us": 0})
    opened.push_async_callback(observer.aclose)

    async def idle() -> bool:
        return (await answer(observer, call(model, "How many others?"))).text == "0"

    return EngineUnderTest(model, prepare, idle, counts_usage=model.dialect == "trtllm_engine")


async def test_an_answer_and_its_end(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", TEXT)
    got = await answer(adapter, call(engine.model, message))
    assert got.text == TEXT
    assert got.finish is not None
    assert got.finish.reason == "stop"
    assert all(delta.text and delta.tokens > 0 for delta in got.deltas)
    if engine.counts_usage:
        assert got.finish.completion_tokens == got.tokens
        assert (got.finish.prompt_tokens or 0) > 0
    if engine.ids_told:
        assert bytes(token for delta in got.deltas for token in delta.token_ids or ()).decode() == TEXT


async def test_half_characters_never_leave(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", "🎉🎉é€" * 5)
    got = await answer(adapter, call(engine.model, message))
    assert got.text == "🎉🎉é€" * 5
    assert not any("\ufffd" in delta.text for delta in got.deltas)


async def test_max_tokens_is_length(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", TEXT)
    got = await answer(adapter, call(engine.model, message, Sampling(max_tokens=4)))
    assert got.finish is not None
    assert got.finish.reason == "length"
    assert got.tokens == 4 or got.finish.completion_tokens == 4
    assert TEXT.startswith(got.text.rstrip("\ufffd"))


async def test_a_stop_string_ends_and_is_not_shown(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", TEXT)
    got = await answer(adapter, call(engine.model, message, Sampling(stop=("nd €", "no such"))))
    assert got.text == "Zürich 🎉 a"
    assert got.finish is not None
    assert got.finish.reason == "stop"


async def test_a_text_is_continued(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", TEXT)
    if not adapter.continues(engine.model):
        assert engine.model.engine == "openai"
        return
    got = await answer(adapter, call(engine.model, message, prefix="Zürich 🎉 "))
    assert got.text == "and €, <|user|>"


async def test_closing_ends_the_work_upstream(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("stall", TEXT)
    async with contextlib.aclosing(adapter.generate(call(engine.model, message))) as events:
        async for event in events:
            assert isinstance(event, Delta)
            break
    await until(engine.idle, 2)


async def test_cancelling_the_task_ends_the_work_upstream(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("stall", TEXT)
    got = Answer()

    async def consume() -> None:
        await answer(adapter, call(engine.model, message), got)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(consume())
        await until(lambda: bool(got.deltas), 5)
        task.cancel()
    assert task.cancelled()
    await until(engine.idle, 2)


@pytest.mark.parametrize(
    ("behaviour", "deadlines", "which"),
    [
        ("sleep", Deadlines(0.3, 5, 5), "first_token"),
        ("stall", Deadlines(5, 0.3, 5), "inter_token"),
        ("stall", Deadlines(5, 5, 0.5), "total"),
    ],
)
async def test_deadlines(engine: EngineUnderTest, behaviour: Behaviour, deadlines: Deadlines, which: str) -> None:
    adapter, message = engine.prepare(behaviour, TEXT)
    began = time.monotonic()
    with pytest.raises(EngineTimeout) as raised:
        await answer(adapter, call(engine.model, message, deadlines=deadlines))
    assert raised.value.deadline == which
    assert raised.value.retryable
    assert 0.25 < time.monotonic() - began < 2
    await until(engine.idle, 2)


async def test_an_upstream_that_dies_keeps_what_came(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("die", TEXT)
    got = Answer()
    with pytest.raises((EngineUnavailable, EngineFailed)) as raised:
        await answer(adapter, call(engine.model, message), got)
    assert raised.value.retryable
    assert TEXT.startswith(got.text)
    assert TEXT not in raised.value.message


async def test_many_at_once_are_not_mixed_up(engine: EngineUnderTest) -> None:
    texts = [f"number {n} says {'x' * n}" for n in range(1, 25)]
    adapter, _ = engine.prepare("echo", "")

    async def one(text: str) -> str:
        return (await answer(adapter, call(engine.model, message_of(text)))).text

    def message_of(text: str) -> str:
        return f"Repeat: {text}" if engine.model.engine == "triton" else text

    assert await asyncio.gather(*map(one, texts)) == texts


async def test_check_is_quiet_when_all_is_well(engine: EngineUnderTest) -> None:
    adapter, _ = engine.prepare("echo", "")
    await adapter.check()


async def test_an_unknown_model_is_refused_for_good(engine: EngineUnderTest) -> None:
    if engine.model.engine == "tensorrt_llm":
        return  # an in-process engine knows its model or does not start: below
    adapter, message = engine.prepare("echo", TEXT)
    with pytest.raises(EngineRejected) as raised:
        await answer(adapter, call(replace(engine.model, upstream_model="nonesuch"), message))
    assert not raised.value.retryable


async def test_an_upstream_that_is_not_there() -> None:
    for adapter, model in (
        (
            OpenAIEngine([replace(OPENAI, address="http://127.0.0.1:9/v1")]),
            replace(OPENAI, address="http://127.0.0.1:9/v1"),
        ),
        (TritonEngine([LOCAL.default_model], "127.0.0.1:9"), LOCAL.default_model),
    ):
        with pytest.raises(EngineUnavailable):
            await answer(adapter, call(model, "hi"))
        with pytest.raises(EngineUnavailable):
            await adapter.check()
        await adapter.aclose()


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ("GARBAGE x", EngineFailed),
        ("ERROR x", EngineFailed),
        ("DIE x", EngineUnavailable),
        ("STATUS 500 ", EngineUnavailable),
        ("STATUS 503 ", EngineUnavailable),
        ("STATUS 400 bad", EngineRejected),
    ],
)
async def test_openai_misbehaviour(order: str, kind: type[Exception]) -> None:
    async with OpenAIUpstream() as upstream, contextlib.aclosing(OpenAIEngine([OPENAI])) as engine:
        with pytest.raises(kind) as raised:
            await answer(engine, call(replace(OPENAI, address=upstream.url), order + "yz and more"))
        assert "more" not in str(raised.value)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("order", ["SPLIT", "NODONE", "NOUSAGE"])
async def test_openai_variations(order: str) -> None:
    async with OpenAIUpstream() as upstream, contextlib.aclosing(OpenAIEngine([OPENAI])) as engine:
        got = await answer(engine, call(replace(OPENAI, address=upstream.url), f"{order} {TEXT}"))
        assert got.text == TEXT
        assert got.finish is not None
        assert (got.finish.completion_tokens is None) == (order == "NOUSAGE")


async def test_openai_keys_limits_and_reuse() -> None:
    async with OpenAIUpstream() as upstream:
        model = replace(OPENAI, address=upstream.url, api_key_env="UPSTREAM_KEY")
        async with contextlib.aclosing(OpenAIEngine([model], {})) as engine:
            with pytest.raises(EngineRejected, match="UPSTREAM_KEY"):
                await answer(engine, call(model, "hi"))
        async with contextlib.aclosing(OpenAIEngine([model], {"UPSTREAM_KEY": "revoked"})) as engine:
            with pytest.raises(EngineRejected, match="check the variable UPSTREAM_KEY") as raised:
                await engine.check()
            assert "revoked" not in raised.value.message
            for _ in range(5):
                await answer(engine, call(model, "hi"))
            assert len(upstream.connections) == 1
            assert upstream.headers[-1]["Authorization"] == "Bearer revoked"
            assert upstream.requests[-1]["stream_options"] == {"include_usage": True}
        async with contextlib.aclosing(OpenAIEngine([OPENAI])) as engine:
            plain = replace(OPENAI, address=upstream.url)
            with pytest.raises(Exception, match="HTTP 429") as overloaded:
                await answer(engine, call(plain, "STATUS 429"))
            assert overloaded.value.retry_after_s == 3  # type: ignore[attr-defined]
            with pytest.raises(EngineRejected) as too_long:
                await answer(engine, call(plain, "STATUS 400 context_length_exceeded"))
            assert too_long.value.code == "context_length_exceeded"


async def test_openai_continues_where_models_toml_says_so() -> None:
    async with OpenAIUpstream() as upstream:
        model = replace(OPENAI, address=upstream.url, capabilities=("streaming", "continue"))
        async with contextlib.aclosing(OpenAIEngine([model])) as engine:
            assert engine.continues(model)
            await answer(engine, call(model, "hi", prefix="so far"))
        assert upstream.requests[-1]["messages"][-1] == {"role": "assistant", "content": "so far"}
        assert upstream.requests[-1]["continue_final_message"] is True


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
