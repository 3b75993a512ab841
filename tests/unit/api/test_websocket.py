"""WebSockets of clients that take nothing: what waits for them is bounded, and so is the wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.server import ServerState

from api.http.websocket import GOING_AWAY, WebSocketConnection
from api.responses import socket
from infra.tiers.tier import Limits
from schemas.conversation import PromptSubmitted
from schemas.generation import GenerationEnded
from tests.eventually import eventually
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS

PING = b"\x89\x80\x00\x00\x00\x00"
CREATE = '{"type": "response.create", "model": "verbatim-local", "input": "hi"}'


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


async def test_pings_of_a_client_that_takes_nothing_are_not_answered() -> None:
    heard = asyncio.Event()

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["type"] == "websocket.disconnect"
        heard.set()

    wire, headers = Wire(), [(b"sec-websocket-key", b"a")]
    connection = WebSocketConnection(wire, {"headers": headers}, app, ServerState(), 1_000)
    await eventually(lambda: len(wire.written) == 1)
    connection.data_received(PING)
    await eventually(lambda: wire.written[1:] == [b"\x8a\x00"])
    connection.pause_writing()
    connection.data_received(PING * 1_000)
    connection.eof_received()
    await heard.wait()
    assert [frame for frame in wire.written[2:] if frame[0] == 0x8A] == []
    connection.connection_lost(None)


async def test_a_client_that_leaves_does_not_say_that_this_process_ends() -> None:
    heard: list[dict[str, Any]] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        heard.append(await receive())

    wire = Wire()
    connection = WebSocketConnection(wire, {"headers": [(b"sec-websocket-key", b"a")]}, app, ServerState(), 1_000)
    await eventually(lambda: len(wire.written) == 1)
    connection.data_received(b"\x88\x82\x00\x00\x00\x00" + GOING_AWAY.to_bytes(2))
    await eventually(lambda: heard == [{"type": "websocket.disconnect", "code": 1000}])
    connection.connection_lost(None)


class Client:
    """An ASGI client of the WebSocket that asks for an answer and takes `takes` events, then none."""

    def __init__(self, world: World, takes: int) -> None:
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard.put_nowait({"type": "websocket.connect"})
        self.heard.put_nowait({"type": "websocket.receive", "text": CREATE})
        self.told: list[str] = []
        self.is_stuck = False
        self._takes = takes
        self._app = world.app
        self._key = world.add_key("alice", "a")

    async def run(self) -> None:
        headers = [(b"authorization", b"Bearer " + self._key.encode())]
        scope = {"type": "websocket", "path": "/v1/responses", "headers": headers, "query_string": b"", "state": {}}
        await self._app({**scope, "client": ("127.0.0.1", 1), "extensions": {}}, self.heard.get, self._send)

    async def _send(self, message: Any) -> None:
        if message["type"] != "websocket.send":
            return
        if len(self.told) == self._takes:
            self.is_stuck = True
            await asyncio.Event().wait()
        self.told.append(message["text"])


async def test_one_that_leaves_while_it_takes_nothing_ends_its_answer(world: World) -> None:
    client = Client(world, takes=0)
    world.script = lambda attempt: [attempt.start(), attempt.chunk("Hello")]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await eventually(lambda: client.is_stuck)
        client.heard.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def ends() -> list[str]:
        return [event.reason for event, _ in world.log.all_of(TOKEN_CHUNKS) if isinstance(event, GenerationEnded)]

    await eventually(lambda: ends() == ["cancelled"])
    assert len(world.adapters.hub) == 0


async def test_limits_hold_for_each_response_of_a_connection(world: World) -> None:
    world.limiter.change(Limits(messages_per_hour=1))
    client = Client(world, takes=100)
    client.heard.put_nowait({"type": "websocket.receive", "text": CREATE})
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        refused = [await eventually(lambda: next(text for text in client.told if "rate_limit_exceeded" in text))]
        client.heard.put_nowait({"type": "websocket.disconnect", "code": 1001})
    assert "1 message per hour" in refused[0]
    assert sum('"response.completed"' in text for text in client.told) == 1, "the first was answered"


async def test_one_that_takes_nothing_is_not_waited_for_to_be_told_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "GOODBYE_S", 0.05)
    world.script = None
    client = Client(world, takes=0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await eventually(lambda: any(isinstance(e, PromptSubmitted) for e, _ in world.log.all_of(CONVERSATION_EVENTS)))
        (reader,) = world.adapters.readers._readers
        reader.leave("revoked")
    assert client.is_stuck
    assert len(world.adapters.readers) == 0
