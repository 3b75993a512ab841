"""The OpenAI adapter: an upstream that misbehaves, keys, limits, connections, continuation."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from inference_workers.engines.openai import OpenAIEngine
from inference_workers.ports import EngineFailed, EngineOverloaded, EngineRejected, EngineUnavailable
from tests.conformance.adapters import OPENAI, TEXT
from tests.conformance.engines import Answer, answer, call
from tests.fakes.openai_upstream import OpenAIUpstream


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ("GARBAGE x", EngineFailed),
        ("ERROR x", EngineFailed),
        ("DIE x", EngineUnavailable),
        ("BURST GARBAGE x", EngineFailed),
        ("BURST ERROR x", EngineFailed),
        ("BURST DIE x", EngineUnavailable),
        ("STATUS 500 ", EngineUnavailable),
        ("STATUS 503 ", EngineUnavailable),
        ("STATUS 400 bad", EngineRejected),
    ],
)
async def test_openai_misbehaviour(order: str, kind: type[Exception]) -> None:
    async with OpenAIUpstream() as upstream, contextlib.aclosing(OpenAIEngine([OPENAI])) as engine:
        got = Answer()
        with pytest.raises(kind) as raised:
            await answer(engine, call(replace(OPENAI, address=upstream.url), order + "yz and more"), got)
        assert got.text == ("" if "STATUS" in order else "xyz")
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
            with pytest.raises(EngineOverloaded, match="HTTP 429") as overloaded:
                await answer(engine, call(plain, "STATUS 429"))
            assert overloaded.value.retry_after_s == 3
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
