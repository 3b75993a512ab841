"""One WebSocket connection (RFC 6455) as an ASGI server has it, behind the HTTP connection that was upgraded.

Frames are parsed by aiohttp's parser, which counts what waits and pauses the socket; frames of the server are few lines
of their own. No extensions: events are small, and a compressed one costs more than it saves.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha1
from typing import Any

from aiohttp import WebSocketError, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.streams import EofStream
from starlette.datastructures import Headers
from uvicorn.server import ServerState

from api.http.errors import ApiError, bad_request
from infra.logging import get_logger

MAX_WAITING_BYTES = 256 * 1024
"""What waits of messages that nobody has taken, beside the one that is being received, before the socket is paused."""
PING_S = 20.0
CLOSE_S = 5.0
"""How long a client may take to answer the end."""
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
GOING_AWAY, INTERNAL = 1012, 1011

App = Callable[[Any, Any, Any], Awaitable[None]]


def handshake_problem(method: str, headers: Headers) -> ApiError | None:
    """What is wrong with a request to become a WebSocket."""
    if method != "GET":
        return bad_request("A WebSocket begins with GET.", code="invalid_http")
    if headers.get("sec-websocket-version") != "13":
        return ApiError(
            426, "Version 13 of WebSocket is expected.", code="invalid_http", headers={"Sec-WebSocket-Version": "13"}
        )
    try:
        if len(b64decode(headers.get("sec-websocket-key", ""), validate=True)) == 16:
            return None
    except ValueError:
        pass
    return bad_request("Sec-WebSocket-Key is not 16 bytes in base64.", code="invalid_http")


class WebSocketConnection(asyncio.Protocol):
    """`max_bytes`: the largest message that is taken."""

    def __init__(
        self, transport: asyncio.Transport, scope: dict[str, Any], app: App, state: ServerState, max_bytes: int
    ) -> None:
        self._transport = transport
        self._scope = scope
        self._app = app
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._reading_paused = False
        # The parser reads `_reading_paused`, and calls `pause_reading` and `resume_reading`, and asks no more of it.
        self._queue = WebSocketDataQueue(self, MAX_WAITING_BYTES, loop=self._loop)  # type: ignore[arg-type]  # see above
        self._reader = WebSocketReader(self._queue, max_bytes, False, True)
        self._writable = asyncio.Event()
        self._writable.set()
        self._step = "connecting"
        self._ending_code = 1005
        self._ping: asyncio.TimerHandle | None = None
        self._lost = False
        state.connections.add(self)  # type: ignore[arg-type]  # uvicorn's union of its own protocols
        self._task = self._loop.create_task(self._run())
        state.tasks.add(self._task)
        self._task.add_done_callback(state.tasks.discard)

    # -- the socket --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def eof_received(self) -> None:
        self._reader.feed_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._state.connections.discard(self)
        self._writable.set()
        self._stop_pings()
        self._reader.feed_eof()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def pause_reading(self) -> None:
        """The parser's: enough waits."""
        self._reading_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The parser's: there is room again."""
        self._reading_paused = False
        self._transport.resume_reading()

    def shutdown(self) -> None:
        """uvicorn's: the process ends. What is being said is said; then the connection closes."""
        self._ending_code = GOING_AWAY
        self._reader.feed_eof()

    # -- the application ---------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:  # the application's own; the client learns that there was one
            get_logger(__name__).error("a websocket failed", error=type(error).__name__)
            self._end(INTERNAL)
        finally:
            self._end(self._ending_code if self._ending_code != 1005 else 1000)

    async def _receive(self) -> dict[str, Any]:
        if self._step == "connecting":
            self._step = "asked"
            return {"type": "websocket.connect"}
        while True:
            try:
                message = await self._queue.read()
            except WebSocketError as error:
                self._end(error.code)
                return {"type": "websocket.disconnect", "code": error.code}
            except EofStream:
                return {"type": "websocket.disconnect", "code": self._ending_code}
            match message.type:
                case WSMsgType.TEXT:
                    return {"type": "websocket.receive", "text": message.data}
                case WSMsgType.BINARY:
                    return {"type": "websocket.receive", "bytes": message.data}
                case WSMsgType.PING if self._writable.is_set():  # one that takes nothing gets none
                    self._write(_PONG, bytes(message.data))
                case WSMsgType.CLOSE:
                    self._end(message.data or 1000)
                    # GOING_AWAY says that this process ends; no client says that.
                    code = 1000 if message.data == GOING_AWAY else message.data or 1005
                    return {"type": "websocket.disconnect", "code": code}
                case _:
                    pass

    async def _send(self, message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accept(message)
            case "websocket.send":
                self._write(_TEXT, message["text"].encode() if message.get("text") is not None else message["bytes"])
                await self._writable.wait()
            case "websocket.close":
                self._close(message.get("code") or 1000)
            case "websocket.http.response.start":
                self._step = "refused"
                head = b"".join(b"%b: %b\r\n" % header for header in message["headers"])
                self._transport.write(b"HTTP/1.1 %d \r\n%bconnection: close\r\n\r\n" % (message["status"], head))
            case "websocket.http.response.body":
                self._transport.write(message.get("body", b""))
                if not message.get("more_body", False):
                    self._step = "closed"
                    self._transport.close()

    def _accept(self, message: Any) -> None:
        key = Headers(raw=self._scope["headers"])["sec-websocket-key"].encode()
        accepted = b64encode(sha1(key + _MAGIC, usedforsecurity=False).digest())
        more = b"".join(b"%b: %b\r\n" % tuple(header) for header in message.get("headers") or ())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: %b\r\n%b\r\n" % (accepted, more)
        )
        self._step = "open"
        self._ping = self._loop.call_later(PING_S, self._send_ping)

    def _close(self, code: int) -> None:
        if self._step in ("connecting", "asked"):
            self._step = "closed"
            self._transport.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()
        else:
            self._end(code)

    def _end(self, code: int) -> None:
        """Say that it ends, once, and close."""
        if self._step == "open":
            self._write(_CLOSE, struct.pack(">H", code if 1000 <= code <= 4999 and code != 1005 else 1000))
        if self._step != "closed":
            self._step = "closed"
            self._stop_pings()
            self._transport.close()
            # What the client does not take in time is thrown away with the connection.
            self._loop.call_later(CLOSE_S, self._abort)

    def _abort(self) -> None:
        if not self._lost:
            with contextlib.suppress(RuntimeError):
                self._transport.abort()

    def _send_ping(self) -> None:
        if self._step == "open":
            if self._writable.is_set():
                self._write(_PING, b"")
            self._ping = self._loop.call_later(PING_S, self._send_ping)

    def _stop_pings(self) -> None:
        if self._ping is not None:
            self._ping.cancel()

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._step != "open" or self._lost:
            return
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, size)
        elif size < 65_536:
            head = struct.pack(">BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
        self._transport.write(head + payload)
