"""Several answers to one request: one command, generations of their own, one answer or one stream."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import httpx
import openai
import orjson
import pytest
from openai.types.chat import ChatCompletion

from api.openai.choices import ChoiceStream
from api.streaming.readers import Reader
from schemas import ids
from schemas.conversation import PromptSubmitted, Request
from schemas.generation import Failure, GenerationEnded
from schemas.parts import ChunkPart
from tests.eventually import eventually
from tests.unit.api.memory_log import Attempt
from tests.unit.api.sdk import sdk
from tests.unit.api.sse_text import events_of
from tests.unit.api.streams import Client
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS

CHAT = "/v1/chat/completions"
FAILURE = Failure("engine_failed", "The engine failed.", True)


def body(n: int = 3, **fields: Any) -> dict[str, Any]:
    return {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}], "n": n, **fields}


def numbered(attempt: Attempt) -> None:
    """Choice i says its number i + 1 times."""
    attempt.start()
    for _ in range(attempt.turn.choice + 1):
        attempt.chunk(f"{attempt.turn.choice} ")
    attempt.end("length" if attempt.turn.choice == 1 else "stop")


TEXTS = ["0 ", "1 1 ", "2 2 2 "]


@pytest.fixture
def world() -> World:
    return World(script=numbered)


def command(world: World) -> PromptSubmitted:
    (found,) = (event for event, _ in world.log.all_of(CONVERSATION_EVENTS))
    assert isinstance(found, PromptSubmitted)
    return found


def cancelled(world: World) -> list[str]:
    """The generations that were cancelled."""
    return [
        event.turn.generation_id for event, _ in world.log.all_of(TOKEN_CHUNKS) if isinstance(event, GenerationEnded)
    ]


def by_choice(content: bytes) -> dict[int, list[bytes]]:
    """The events of each choice, as they were sent."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for line in content.split(b"\n\n"):
        said = orjson.loads(line[6:]) if line.startswith(b"data: {") else {}
        for choice in said.get("choices", ()):
            found[choice["index"]].append(line)
    return found


async def test_one_command_several_generations(world: World, alice: httpx.AsyncClient) -> None:
    answer = (await alice.post(CHAT, json=body())).json()
    assert [choice["message"]["content"] for choice in answer["choices"]] == TEXTS
    assert [(choice["index"], choice["finish_reason"]) for choice in answer["choices"]] == [
        (0, "stop"),
        (1, "length"),
        (2, "stop"),
    ]
    assert answer["usage"]["prompt_tokens"] == 3 * 7
    assert answer["usage"]["completion_tokens"] == 1 + 2 + 3
    assert answer["usage"]["total_tokens"] == 3 * 7 + 6
    assert command(world).request == Request(surface="chat_completions", choices=3)
    assert answer["id"] == "chatcmpl-" + command(world).generation_id.replace("-", "")
    assert len(world.adapters.hub) == 0


async def test_one_answer_is_asked_for_as_ever(world: World, alice: httpx.AsyncClient) -> None:
    assert (await alice.post(CHAT, json=body(1))).status_code == 200
    assert command(world).request is None


@pytest.mark.parametrize("n", [0, 9])
async def test_how_many_there_may_be(world: World, alice: httpx.AsyncClient, n: int) -> None:
    answer = await alice.post(CHAT, json=body(n))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")
    assert world.log.all_of(CONVERSATION_EVENTS) == []


async def test_the_official_client_tells_them_apart(world: World) -> None:
    world.script = lambda attempt: attempt.start().chunk(TEXTS[attempt.turn.choice]).end()
    async with sdk(world) as client:
        stream = client.chat.completions.stream(
            model="verbatim-local",
            messages=[{"role": "user", "content": "hi"}],
            n=3,
            stream_options={"include_usage": True},
        )
        async with stream as events:
            final = await events.get_final_completion()
        assert [choice.message.content for choice in final.choices] == TEXTS
        assert [choice.finish_reason for choice in final.choices] == ["stop", "stop", "stop"]
        assert final.usage is not None and final.usage.completion_tokens == 3


async def test_they_interleave_and_end_together(world: World, alice: httpx.AsyncClient) -> None:
    attempts: list[Attempt] = []
    world.script = attempts.append
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(alice.post(CHAT, json=body(stream=True, stream_options={"include_usage": True})))
        await eventually(lambda: len(attempts) == 3)
        attempts[2].start().chunk("c1")
        attempts[0].start().chunk("a1")
        await asyncio.sleep(0)
        attempts[2].chunk("c2").end()
        attempts[1].start().chunk("b1").end()
        await asyncio.sleep(0)
        attempts[0].chunk("a2").end()
    answer = asked.result()
    events = [event for event in events_of(answer.content) if event.data != "[DONE]"]
    said = [choice for event in events for choice in event.json["choices"]]
    assert len({(event.json["id"], event.json["created"], event.json["model"]) for event in events}) == 1
    order = [(choice["index"], choice["delta"]["content"]) for choice in said if choice["delta"].get("content")]
    assert sorted(order, key=lambda each: each[0]) == [(0, "a1"), (0, "a2"), (1, "b1"), (2, "c1"), (2, "c2")]
    assert order.index((2, "c1")) < order.index((0, "a2"))
    assert [choice["index"] for choice in said if choice["delta"].get("role")] != []
    assert all(lines[0].count(b'"role":"assistant"') == 1 for lines in by_choice(answer.content).values())
    assert answer.content.endswith(b"data: [DONE]\n\n") and answer.content.count(b"[DONE]") == 1
    usages = [event.json["usage"] for event in events if event.json["usage"]]
    assert [usage["completion_tokens"] for usage in usages] == [5]


async def test_a_repeat_has_the_same_bytes_of_each_choice(world: World, alice: httpx.AsyncClient) -> None:
    keyed = {"Idempotency-Key": "k"}
    first = await alice.post(CHAT, json=body(stream=True), headers=keyed)
    for _ in range(2):
        again = await alice.post(CHAT, json=body(stream=True), headers=keyed)
        assert again.headers["idempotent-replayed"] == "true"
        assert by_choice(again.content) == by_choice(first.content)
    whole = await alice.post(CHAT, json=body(), headers=keyed)
    assert [choice["message"]["content"] for choice in whole.json()["choices"]] == TEXTS
    assert (await alice.post(CHAT, json=body(2), headers=keyed)).status_code == 422
    command(world)  # one
    assert len(world.adapters.hub) == 0


@pytest.mark.parametrize("failed", [0, 2])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_choice_that_fails_before_the_first_byte_is_the_answer(
    world: World, alice: httpx.AsyncClient, failed: int, stream: bool
) -> None:
    def script(attempt: Attempt) -> None:
        attempt.start()
        if attempt.turn.choice == failed:
            attempt.end("failed", FAILURE)

    world.script = script
    answer = await alice.post(CHAT, json=body(stream=stream))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_failed")
    ended = cancelled(world)
    generations = [ids.choice_id(command(world).message_id, choice) for choice in range(3)]
    assert sorted(ended) == sorted(each for nth, each in enumerate(generations) if nth != failed)
    assert len(world.adapters.hub) == 0


@pytest.mark.parametrize("failed", [0, 1, 2])
async def test_a_choice_that_fails_later_is_an_error_event(
    world: World, alice: httpx.AsyncClient, failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = ChoiceStream.write

    async def noted(self: ChoiceStream, send: Any, reader: Reader, data: bytes, *, more: bool) -> None:
        await write(self, send, reader, data, more=more)
        written.append(data)

    monkeypatch.setattr(ChoiceStream, "write", noted)
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start())
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(alice.post(CHAT, json=body(stream=True)))
        await eventually(lambda: len(attempts) == 3)
        for attempt in attempts:
            attempt.chunk("x")
        await eventually(lambda: b"".join(written).count(b'"content":"x"') == 3)
        attempts[failed].end("failed", FAILURE)
    content = asked.result().content
    assert asked.result().status_code == 200
    assert events_of(content)[-1].json["error"]["code"] == "engine_failed"
    assert b"[DONE]" not in content
    assert len(cancelled(world)) == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_stopping_one_stops_all(world: World, alice: httpx.AsyncClient, stream: bool) -> None:
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start())
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(alice.post(CHAT, json=body(stream=stream)))
        await eventually(lambda: len(attempts) == 3 and len(world.adapters.readers) == 1)
        stopped = await alice.post(f"/api/v1/generations/{command(world).generation_id}/cancel", json={})
    assert stopped.status_code == 200
    assert (asked.result().status_code, asked.result().json()["error"]["code"]) == (409, "cancelled")
    assert len(set(cancelled(world))) == 3


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_ends_all(world: World, stream: bool) -> None:
    world.script = lambda attempt: attempt.start().chunk("x")
    key, client = world.add_key("alice", "a"), Client()
    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(client.ask(world.app, CHAT, key, body(stream=stream)))
        await eventually(lambda: len(world.adapters.readers) == 1)
        client.leave()
        await request
    generations = [ids.choice_id(command(world).message_id, choice) for choice in range(3)]
    assert sorted(cancelled(world)) == sorted(generations)
    assert len(world.adapters.hub) == 0


def calling(attempt: Attempt) -> None:
    """Thinks, says something and calls two tools."""
    attempt.start()
    attempt.chunk("Hm", part=ChunkPart(0, "reasoning")).chunk(" …", part=ChunkPart(0, "reasoning"))
    attempt.chunk("Let me see.", part=ChunkPart(1, "text"))
    attempt.chunk('{"city":', part=ChunkPart(2, "tool_call", "call_1", "weather"))
    attempt.chunk(' "Oslo"}', part=ChunkPart(2, "tool_call"))
    attempt.chunk("{}", part=ChunkPart(3, "tool_call", "call_2", "clock"))
    attempt.end("tool_calls")


@pytest.mark.parametrize("n", [1, 2])
async def test_the_clients_accumulator_gets_whole_calls(world: World, n: int) -> None:
    world.script = calling
    async with sdk(world) as client:
        whole = await client.chat.completions.create(
            model="verbatim-local", messages=[{"role": "user", "content": "hi"}], n=n
        )
        stream = client.chat.completions.stream(
            model="verbatim-local", messages=[{"role": "user", "content": "hi"}], n=n
        )
        async with stream as events:
            final = await events.get_final_completion()
    for answer in (whole, final):
        assert len(answer.choices) == n
        for choice in answer.choices:
            assert choice.finish_reason == "tool_calls"
            assert choice.message.content == "Let me see."
            calls = choice.message.tool_calls or []
            said = [
                (each.id, each.type, each.function.name, each.function.arguments)
                for each in calls
                if each.type == "function"
            ]
            assert said == [
                ("call_1", "function", "weather", '{"city": "Oslo"}'),
                ("call_2", "function", "clock", "{}"),
            ]
    assert whole.choices[0].message.model_extra == {"reasoning_content": "Hm …"}


async def test_what_is_called_is_taken_back(world: World) -> None:
    world.script = calling
    async with sdk(world) as client:
        said: list[Any] = [{"role": "user", "content": "hi"}]
        asked: openai.types.chat.ChatCompletion = await client.chat.completions.create(
            model="verbatim-local", messages=said
        )
        message = asked.choices[0].message
        calls = message.tool_calls or ()
        results: list[Any] = [{"role": "tool", "tool_call_id": each.id, "content": "4 °C"} for each in calls]
        dumps: list[Any] = [message, message.model_dump(), message.model_dump(exclude_none=True)]
        for again in dumps:
            await client.chat.completions.create(model="verbatim-local", messages=[*said, again, *results])
    histories = [event.messages for event, _ in world.log.all_of(CONVERSATION_EVENTS) if len(event.messages) > 1]
    assert len(histories) == 3 and len(set(histories)) == 1
    assert [part.kind for part in histories[0][1].parts] == ["text", "tool_call", "tool_call"]


async def test_logprobs_are_told_whole_and_in_pieces(world: World) -> None:
    token = '[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}]'

    def script(attempt: Attempt) -> None:
        attempt.start().chunk("a", logprobs=token).chunk("a", logprobs=token).end()

    world.script = script
    async with sdk(world) as client:
        whole = await client.chat.completions.create(
            model="verbatim-local", messages=[{"role": "user", "content": "hi"}]
        )
        stream = client.chat.completions.stream(model="verbatim-local", messages=[{"role": "user", "content": "hi"}])
        async with stream as events:
            final = await events.get_final_completion()
    for choice in (whole.choices[0], final.choices[0]):
        assert choice.logprobs is not None and choice.logprobs.content is not None
        assert [each.logprob for each in choice.logprobs.content] == [-0.5, -0.5]


@pytest.mark.parametrize("n", [1, 2])
async def test_functions_are_answered_in_their_own_shape(world: World, alice: httpx.AsyncClient, n: int) -> None:
    world.script = calling
    asked: Any = {"functions": [{"name": "weather"}, {"name": "clock"}], "function_call": "auto"}
    whole = (await alice.post(CHAT, json=body(n, **asked))).json()
    ChatCompletion.model_validate(whole, strict=True)
    for choice in whole["choices"]:
        assert choice["finish_reason"] == "function_call"
        assert choice["message"]["function_call"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
        assert "tool_calls" not in choice["message"]
    again = [{"role": "user", "content": "hi"}, whole["choices"][0]["message"]]
    result = {"role": "function", "name": "weather", "content": "4 °C"}
    assert (await alice.post(CHAT, json={**body(), "messages": [*again, result], **asked})).status_code == 200
    streamed = (await alice.post(CHAT, json=body(n, stream=True, **asked))).content
    for lines in by_choice(streamed).values():
        deltas = [orjson.loads(line[6:])["choices"][0]["delta"] for line in lines]
        calls = [delta["function_call"] for delta in deltas if "function_call" in delta]
        assert calls == [{"name": "weather", "arguments": '{"city":'}, {"arguments": ' "Oslo"}'}]
        assert orjson.loads(lines[-1][6:])["choices"][0]["finish_reason"] == "function_call"
    assert b"tool_calls" not in streamed
