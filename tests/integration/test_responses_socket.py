"""/v1/responses as a WebSocket, over a real connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import uvicorn

from api.http.cross_origin import CrossOrigin
from api.http.protocol import http_of
from api.http.websocket import WebSocketConnection
from infra.processes.http_server import Server, listening
from schemas.account import ApiKeyRevoked
from schemas.conversation import PromptSubmitted
from schemas.generation import GenerationEnded
from tests.eventually import eventually
from tests.unit.api.memory_log import Attempt, turn_of
from tests.unit.api.responses.told import read_by_client
from tests.unit.api.world import World, saying
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, TOKEN_CHUNKS

MODEL = "verbatim-local"
HELLO = "Hello world"
MAX_BYTES = 100_000


@pytest.fixture
def world() -> World:
    """Answers every prompt "Hello world" in two chunks."""
    return World(script=saying("Hello", " world"))


@contextlib.asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[str, Server]]:
    with listening("127.0.0.1", 0) as listener:
        kind = http_of(CrossOrigin.of(()), MAX_BYTES)
        config = uvicorn.Config(
            world.app, lifespan="off", access_log=False, log_config=None, http=kind, ws=WebSocketConnection
        )
        server = Server(config, lambda: None)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await eventually(lambda: server.started)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/responses", server
            finally:
                server.handle_exit(15, None)


class Session:
    """A client of one connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def ask(self, **said: Any) -> list[dict[str, Any]]:
        """The events that answer a request."""
        await self.socket.send_str(orjson.dumps({"type": "response.create", "model": MODEL, **said}).decode())
        return await self.told()

    async def told(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while True:
            event = orjson.loads(await self.socket.receive_str(timeout=30))
            events.append(event)
            last = event["type"].removeprefix("response.")
            if last in ("completed", "incomplete", "failed", "error"):
                return events


@contextlib.asynccontextmanager
async def connected(world: World, key: str | None = None) -> AsyncIterator[Session]:
    async with served(world) as (url, _), aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {key or world.add_key('alice', 'a')}"}
        async with client.ws_connect(url, headers=headers) as socket:
            yield Session(socket)


def prompts(world: World) -> list[PromptSubmitted]:
    found = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    return sorted(found, key=lambda event: event.envelope.occurred_at_us)


def error(events: list[dict[str, Any]]) -> tuple[int, str]:
    return events[-1]["status"], events[-1]["error"]["code"]


async def test_the_events_are_those_of_a_stream(world: World) -> None:
    async with connected(world) as session:
        events = await session.ask(input="hi")
        stream = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events)
        read_by_client(stream)
        response = events[-1]["response"]
        async with world.client(world.add_key("alice", "b")) as client:
            assert (await client.get(f"/v1/responses/{response['id']}")).json() == response
            again = await client.get(f"/v1/responses/{response['id']}?stream=true")
        assert again.content == stream


async def test_one_after_another_in_one_connection(world: World) -> None:
    async with connected(world) as session:
        first = (await session.ask(input="one", store=False))[-1]["response"]
        second = (await session.ask(input="two", store=False, previous_response_id=first["id"]))[-1]["response"]
        assert second["previous_response_id"] == first["id"]
        await session.ask(input="three", store=False, previous_response_id=second["id"])
    *_, last = prompts(world)
    told = [(message.role, message.content) for message in last.messages]
    assert told == [
        ("user", "one"),
        ("assistant", HELLO),
        ("user", "two"),
        ("assistant", HELLO),
        ("user", "three"),
    ]
    async with connected(world, world.add_key("alice", "b")) as another:
        events = await another.ask(input="four", store=False, previous_response_id=second["id"])
        assert error(events) == (404, "previous_response_not_found")
        assert (await another.ask(input="anew", store=False))[-1]["type"] == "response.completed"


async def test_what_failed_to_go_on_is_forgotten(world: World) -> None:
    async with connected(world) as session:
        first = (await session.ask(input="one", store=False))[-1]["response"]
        result = {"type": "function_call_output", "call_id": "none", "output": "x"}
        events = await session.ask(input=[result], store=False, previous_response_id=first["id"])
        assert error(events) == (400, "invalid_value")
        events = await session.ask(input="again", store=False, previous_response_id=first["id"])
        assert error(events) == (404, "previous_response_not_found")


async def test_a_warm_up_asks_no_model(world: World) -> None:
    async with connected(world) as session:
        created, completed = await session.ask(input="Remember: slate", store=False, generate=False)
        assert (created["type"], completed["response"]["output"]) == ("response.created", [])
        assert prompts(world) == []
        empty = (await session.ask(generate=False))[-1]["response"]
        assert empty["status"] == "completed"
        identity = completed["response"]["id"]
        await session.ask(input="Which word?", store=False, previous_response_id=identity)
        assert [message.content for message in prompts(world)[0].messages] == ["Remember: slate", "Which word?"]


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        ("{", (400, "invalid_json")),
        ("[]", (400, "invalid_json")),
        ('{"type":"response.steer"}', (400, "invalid_value")),
        ('{"type":"response.create","model":"m","input":"x","stream":true}', (400, "unsupported_parameter")),
        ('{"type":"response.create","model":"m","input":"x","background":true}', (400, "unsupported_parameter")),
        ('{"type":"response.create","model":"m","input":"x","generate":1}', (400, "invalid_value")),
        ('{"type":"response.create","model":"m","input":"x"}', (404, "model_not_found")),
        ('{"type":"response.create","input":"x"}', (400, "missing_required_parameter")),
    ],
)
async def test_what_is_wrong_is_told_and_the_connection_goes_on(
    world: World, frame: str, wanted: tuple[int, str]
) -> None:
    async with connected(world) as session:
        await session.socket.send_str(frame)
        assert error(await session.told()) == wanted
        assert (await session.ask(input="hi"))[-1]["type"] == "response.completed"


async def test_without_a_key_there_is_no_connection(world: World) -> None:
    async with served(world) as (url, _), aiohttp.ClientSession() as client:
        for headers in ({}, {"Authorization": "Bearer vk_" + "z" * 43}, {"Cookie": "verbatim_session=x"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(url, headers=headers)
            assert refused.value.status == 401
        key = {"Authorization": f"Bearer {world.add_key('alice', 'a')}"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(url.replace("responses", "models"), headers=key)
        assert refused.value.status == 403
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", **key}
        async with client.get(url, headers={**upgrade, "Sec-WebSocket-Version": "8"}) as answer:
            assert answer.status == 426
        async with client.get(url, headers={**upgrade, "Sec-WebSocket-Version": "13"}) as answer:
            assert answer.status == 400


async def test_a_message_that_is_too_large_ends_it(world: World) -> None:
    async with connected(world) as session:
        await session.socket.send_str("x" * (MAX_BYTES + 1))
        ended = await session.socket.receive(timeout=30)
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_large_and_many_events_and_pings_pass(world: World) -> None:
    world.script = lambda attempt: [attempt.start(), *(attempt.chunk("x" * 700) for _ in range(200)), attempt.end()]
    async with connected(world) as session:
        await session.socket.ping()
        events = await session.ask(input="hi", client_metadata={"a": "y" * 80_000})
        assert len(events[-1]["response"]["output"][0]["content"][0]["text"]) == 140_000


async def test_too_many_that_wait_end_it(world: World) -> None:
    world.script = None
    async with connected(world) as session:
        frame = orjson.dumps({"type": "response.create", "model": MODEL, "input": "x"}).decode()
        for _ in range(12):
            await session.socket.send_str(frame)
        assert error(await session.told()) == (400, "too_many_messages")


async def test_a_revoked_key_ends_it(world: World) -> None:
    world.script = None
    key = world.add_key("alice", "a")
    async with connected(world, key) as session:
        (known,) = world.reads._keys()
        envelope = world.log.all_of(ACCOUNT_EVENTS)[0][0].envelope
        await session.socket.send_str('{"type":"response.create","model":"verbatim-local","input":"x"}')
        await eventually(lambda: len(prompts(world)) == 1)
        revoked = ApiKeyRevoked(envelope, known.user_id, known.key_id, known.key_sha256)
        world.log.append(ACCOUNT_EVENTS, known.user_id, revoked)
        assert error(await session.told()) == (401, "invalid_api_key")
        ended = await session.socket.receive(timeout=30)
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1008)


async def test_a_client_that_leaves_ends_its_answer(world: World) -> None:
    world.script = None
    async with connected(world) as session:
        await session.socket.send_str('{"type":"response.create","model":"verbatim-local","input":"x"}')
        await eventually(lambda: len(prompts(world)) == 1)
        await session.socket.close()

        def cancelled() -> bool:
            ends = [event for event, _ in world.log.all_of(TOKEN_CHUNKS) if isinstance(event, GenerationEnded)]
            return [end.reason for end in ends] == ["cancelled"]

        await eventually(cancelled)


async def test_at_the_end_of_the_process_what_is_said_is_said(world: World) -> None:
    world.script = None
    async with served(world) as (url, server), aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {world.add_key('alice', 'a')}"}
        async with client.ws_connect(url, headers=headers) as idle, client.ws_connect(url, headers=headers) as busy:
            await busy.send_str('{"type":"response.create","model":"verbatim-local","input":"x"}')
            await eventually(lambda: len(prompts(world)) == 1)
            server.handle_exit(15, None)
            ended = await idle.receive(timeout=30)
            assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1012)
            ((prompt, at),) = [pair for pair in world.log.all_of(CONVERSATION_EVENTS) if pair[0] in prompts(world)]
            Attempt(world.log, turn_of(prompt, at)).start().chunk("Hello").end()
            assert (await Session(busy).told())[-1]["type"] == "response.completed"
            ended = await busy.receive(timeout=30)
            assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1012)
