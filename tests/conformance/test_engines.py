"""One suite for every engine adapter: what the port promises, on real servers where there are any."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.triton import TritonEngine
from inference_workers.ports import Delta, EngineFailed, EngineRejected, EngineTimeout, EngineUnavailable
from infra.models.catalogue import Deadlines
from infra.settings import Settings
from schemas.conversation import ChatMessage, Sampling
from schemas.parts import ContentPart
from tests.conformance.adapters import (
    LOCAL,
    OPENAI,
    TEXT,
    in_front_of,
    in_process_under_test,
    openai_under_test,
    plain_server,
    triton_under_test,
)
from tests.conformance.engines import (
    CITY,
    TOOLS,
    Answer,
    Asked,
    Behaviour,
    EngineUnderTest,
    answer,
    call,
    until,
)

ENGINES = [
    pytest.param("trtllm_engine", marks=pytest.mark.stack),
    pytest.param("llmapi", marks=pytest.mark.stack),
    "plain trtllm_engine",
    "plain llmapi",
    "openai",
    "tensorrt_llm",
    "persevering",
]
DIALECTS = {"trtllm_engine": "verbatim-local", "llmapi": "verbatim-local-llmapi"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the local model answers without Triton."""
    with plain_server(tmp_path_factory.mktemp("plain")) as address:
        yield address


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
            case dialect if dialect.startswith("plain "):
                model = LOCAL.get(DIALECTS[dialect.removeprefix("plain ")])
                yield triton_under_test(opened, request.getfixturevalue("plain"), model)
            case dialect:
                settings: Settings = request.getfixturevalue("servers")
                yield triton_under_test(opened, settings.triton.grpc, LOCAL.get(DIALECTS[dialect]))


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


@pytest.mark.parametrize("what", get_args(Asked))
async def test_the_parts_of_an_answer(engine: EngineUnderTest, what: Asked) -> None:
    adapter, _ = engine.prepare("echo", "")
    message = engine.asks(what)
    if message is None:
        assert what == "refuse", "only a refusal has no place in a text"
        return
    got = await answer(adapter, call(engine.model, message, tooling=TOOLS))
    weather, time_ = ("weather", CITY), ("time", "{}")
    called: dict[Asked, list[tuple[str, str]]] = {
        "call": [weather],
        "two calls": [weather, time_],
        "think and call": [weather],
    }
    assert got.called == called.get(what, [])
    assert "".join(thought.text for thought in got.thoughts) == ("Hm." if "think" in what else "")
    assert got.text == ("Yes." if what == "think" else "")
    assert "".join(refusal.text for refusal in got.refusals) == ("No." if what == "refuse" else "")
    assert got.finish is not None
    assert got.finish.reason == ("tool_calls" if "call" in what else "stop")


@pytest.mark.parametrize("choice", ["required", "function"])
async def test_a_call_that_must_come(engine: EngineUnderTest, choice: str) -> None:
    adapter, _ = engine.prepare("echo", "")
    request = call(engine.model, "Tell me", tooling=replace(TOOLS, choice=choice, allowed=("weather",)))
    if not engine.guided:
        with pytest.raises(EngineRejected) as raised:
            await answer(adapter, request)
        assert raised.value.code == "invalid_request"
        return
    got = await answer(adapter, request)
    assert [name for name, _ in got.called] == ["weather"]
    assert isinstance(json.loads(got.called[0][1]), dict)
    assert (got.text, got.finish and got.finish.reason) == ("", "tool_calls")


async def test_calls_and_results_of_earlier_answers_are_understood(engine: EngineUnderTest) -> None:
    adapter, message = engine.prepare("echo", TEXT)
    called = ChatMessage("assistant", "", None, (ContentPart("tool_call", CITY, "call_a", "weather"),))
    result = ChatMessage("tool", "", None, (ContentPart("tool_result", "sunny", "call_a", "weather"),))
    request = call(engine.model, message, tooling=TOOLS)
    before = (ChatMessage("user", "What is the weather?"), called, result, ChatMessage("assistant", "Sunny."))
    got = await answer(adapter, replace(request, messages=(*before, *request.messages[1:])))
    assert got.text == TEXT


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
