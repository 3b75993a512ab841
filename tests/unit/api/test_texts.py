"""/v1/completions, as older clients ask."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from schemas.conversation import ChatMessage, PromptSubmitted, Sampling
from schemas.generation import Failure
from schemas.parts import ChunkPart
from tests.unit.api.memory_log import AT, Attempt
from tests.unit.api.sdk import sdk
from tests.unit.api.sse_text import events_of
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

TEXT = "/v1/completions"


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "prompt": "Once", **fields}


def command(world: World) -> PromptSubmitted:
    found = world.log.all_of(CONVERSATION_EVENTS)[-1][0]
    assert isinstance(found, PromptSubmitted)
    return found


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
async def test_a_prompt_is_one_user_message(world: World, alice: httpx.AsyncClient, prompt: Any) -> None:
    said = body(prompt=prompt, max_tokens=5, temperature=0.5, stop="x", best_of=1, echo=False, newer="than we")
    answer = await alice.post(TEXT, json=said)
    assert answer.status_code == 200, answer.text
    assert command(world).messages == (ChatMessage("user", "Once"),)
    assert command(world).sampling == Sampling(max_tokens=5, temperature=0.5, stop=("x",))
    assert command(world).request is None
    assert answer.json() | {"usage": None} == {
        "id": "cmpl-" + command(world).generation_id.replace("-", ""),
        "object": "text_completion",
        "created": AT // 1_000_000,
        "model": "verbatim-local",
        "choices": [{"text": "Hello world", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": None,
    }
    assert answer.json()["usage"]["total_tokens"] == 9


async def test_streams(world: World, alice: httpx.AsyncClient) -> None:
    said = body(stream=True, stream_options={"include_usage": True})
    answer = await alice.post(TEXT, json=said, headers={"idempotency-key": "k"})
    events = events_of(answer.content)
    choices = [event.json["choices"] for event in events[:-1]]
    assert [[(each["text"], each["finish_reason"]) for each in some] for some in choices] == [
        [("Hello", None)],
        [(" world", None)],
        [("", "stop")],
        [],
    ]
    assert events[-2].json["usage"]["completion_tokens"] == 2
    assert events[-1].data == "[DONE]"
    again = await alice.post(TEXT, json=said, headers={"idempotency-key": "k"})
    assert again.content == answer.content
    chat = {"model": "verbatim-local", "messages": [{"role": "user", "content": "Once"}]}
    other = await alice.post("/v1/chat/completions", json=chat, headers={"idempotency-key": "k"})
    assert other.status_code == 422


async def test_the_official_client(world: World) -> None:
    world.script = lambda attempt: attempt.start().chunk(str(attempt.turn.choice)).end()
    async with sdk(world) as client:
        one = await client.completions.create(model="verbatim-local", prompt="Once", n=2)
        assert [choice.text for choice in one.choices] == ["0", "1"]
        lenient = client.with_options(_extra_kwargs={"_strict_response_validation": False})
        stream = await lenient.completions.create(model="verbatim-local", prompt="Once", n=2, stream=True)
        texts = {choice.index: choice.text async for chunk in stream for choice in chunk.choices if choice.text}
    assert texts == {0: "0", 1: "1"}


async def test_only_what_is_text_is_shown(world: World, alice: httpx.AsyncClient) -> None:
    def thinking(attempt: Attempt) -> None:
        attempt.start().chunk("Hm", part=ChunkPart(0, "reasoning")).chunk("Yes", part=ChunkPart(1, "text")).end()

    world.script = thinking
    assert (await alice.post(TEXT, json=body())).json()["choices"][0]["text"] == "Yes"
    streamed = (await alice.post(TEXT, json=body(stream=True))).content
    assert b"Yes" in streamed and b"Hm" not in streamed


@pytest.mark.parametrize("stream", [True, False])
async def test_failures(world: World, alice: httpx.AsyncClient, stream: bool) -> None:
    world.script = lambda attempt: attempt.start().end("failed", Failure("engine_timeout", "Silent.", True))
    answer = await alice.post(TEXT, json=body(stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "engine_timeout")


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"prompt": ["a", "b"]}, "prompt", "a list of one string"),
        ({"prompt": []}, "prompt", "a list of one string"),
        ({"prompt": [1, 2]}, "prompt", "a list of one string"),
        ({"prompt": [[1, 2]]}, "prompt", "a list of one string"),
        ({"prompt": ""}, "prompt", "shorter than 1"),
        ({"prompt": None}, "prompt", "a string"),
        ({"echo": True}, "echo", "not supported"),
        ({"suffix": "end"}, "suffix", "not supported"),
        ({"best_of": 2}, "best_of", "not supported"),
        ({"logprobs": 3}, "logprobs", "not supported"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "not supported"),
        ({"n": 9}, "n", "at most 8"),
        ({"stream_options": {}}, "stream_options", "only allowed when"),
        ({"model": "no/such"}, "model", "does not exist"),
        ({"prompt": "many words " * 20_000}, "prompt", "maximum context length"),
    ],
)
async def test_mistakes_are_named(
    world: World, alice: httpx.AsyncClient, fields: dict[str, Any], param: str, said: str
) -> None:
    answer = await alice.post(TEXT, json=body(**fields))
    error = answer.json()["error"]
    assert (answer.status_code in (400, 404), error["param"]) == (True, param), error
    assert said in error["message"]
    assert world.log.all_of(CONVERSATION_EVENTS) == []
