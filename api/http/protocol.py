"""HTTP/1.1 as uvicorn speaks it, with limits on those who do not: nobody may send a head without an end, or one byte a
minute, or leave an answer untaken; and what is no HTTP, head or body, is answered in the shape of all other errors.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import unquote

from starlette.datastructures import Headers
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.http.cross_origin import CrossOrigin
from api.http.direct import offer
from api.http.errors import ApiError
from api.http.headers import REQUEST_ID_HEADER
from api.http.lingering import LingeringTransport
from api.http.middleware import COMMON, request_id_of
from api.http.websocket import WebSocketConnection, handshake_problem

MAX_HEAD_BYTES = 2 * 1024 * 1024
"""Far more than any client of ours sends: what is merely too long is refused by name, by the route."""
HEAD_S = 30.0
"""How long a connection may take to bring its next request's head."""
TAKES_NOTHING_S = 90.0
"""After this the system gives up a client that takes nothing of its answer; readers of streams are dropped sooner."""
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class BoundedHttp(HttpToolsProtocol):
    """One connection. `cross_origin`: whose pages are told what an error says. `max_message_bytes`: of a WebSocket."""

    cross_origin: ClassVar[CrossOrigin] = CrossOrigin.of(())
    max_message_bytes: ClassVar[int] = 4 * 1024 * 1024
    url = b""
    _late: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _head_done = False
    _in_body = False
    _refused: ApiError | None = None
    _lingering: LingeringTransport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self._lingering = LingeringTransport(transport, self.loop, self._is_sending)
        super().connection_made(self._lingering)
        self._late = self.loop.call_later(HEAD_S, self._head_is_late)
        link = transport.get_extra_info("socket")
        if link is not None and _USER_TIMEOUT is not None:
            link.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(TAKES_NOTHING_S * 1000))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        self._lingering.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering.lingers:
            self._lingering.discard(data)
            return
        if self._refused is not None:
            return
        super().data_received(data)
        if self._head_done or self._refused is not None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(
                ApiError(431, f"The request's head is larger than {MAX_HEAD_BYTES} bytes.", code="head_too_large")
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_done, self._head_bytes = False, 0
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._head_is_late)

    def on_headers_complete(self) -> None:
        self._head_done = True
        self._stop_clock()
        super().on_headers_complete()
        self._in_body = getattr(self.cycle, "scope", None) is self.scope

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._refused is not None and not self.pipeline:
            self._answer_refusal(self._refused)
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection goes on as a WebSocket, past this protocol."""
        headers = Headers(raw=list(self.scope["headers"]))
        problem = handshake_problem(self.scope["method"], headers)
        if problem is not None:
            self._refuse(problem)
            return
        self.connections.discard(self)
        self._stop_clock()
        raw_path, _, query = self.url.partition(b"?")
        scope: dict[str, Any] = {
            **self.scope,
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "query_string": query,
            "type": "websocket",
            "scheme": "wss" if self.scope["scheme"] == "https" else "ws",
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }
        transport = self._lingering
        transport.set_protocol(
            WebSocketConnection(transport, scope, self.app, self.server_state, self.max_message_bytes)
        )

    def send_400_response(self, msg: str) -> None:
        if self._in_body:
            why = "The body does not match its framing: check Content-Length and Transfer-Encoding."
        else:
            why = "This is not valid HTTP/1.1: check for control characters."
        self._refuse(ApiError(400, why, code="invalid_http"))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def unless_refused(scope: Any, receive: Any, send: Any) -> None:
            offer(scope, send)
            if not cycle.disconnected:  # a request whose body was seen to be broken is not begun
                await app(scope, receive, send)

        super()._start_asgi_task(cycle, unless_refused)

    def _is_sending(self) -> bool:
        """Whether more may come of what is not read any more."""
        return self._in_body or self._refused is not None

    def _head_is_late(self) -> None:
        self._late = None
        self._refuse(ApiError(408, f"The request's head did not arrive within {HEAD_S:.0f} s.", code="request_timeout"))

    def _stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, error: ApiError) -> None:
        """Take nothing more from this connection, and answer the error: after what was asked for before it.

        A request whose own body is broken is dropped; if its answer has begun, that is cut.
        """
        self._refused = error
        self._stop_clock()
        if self.transport.is_closing():
            return
        queued = len(self.pipeline)
        cycle: RequestResponseCycle | None = self.cycle
        if self._in_body and queued:
            self.pipeline.popleft()  # the newest one, which has not begun
        elif self._in_body and cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        under_way = queued or (cycle is not None and not cycle.response_complete and not cycle.disconnected)
        if not under_way:
            self._answer_refusal(error)

    def _answer_refusal(self, error: ApiError) -> None:
        if self.transport.is_closing():
            return
        sent = Headers(raw=self.headers or [])
        path = self.url.partition(b"?")[0].decode("latin-1")
        across = self.cross_origin.answer_headers(path, sent.get("origin"))
        self.transport.write(_answer(error, {**across, REQUEST_ID_HEADER: request_id_of(sent.get(REQUEST_ID_HEADER))}))
        self.transport.close()


def http_of(cross_origin: CrossOrigin, max_message_bytes: int = BoundedHttp.max_message_bytes) -> type[BoundedHttp]:
    """The connections of a server with this rule, whose WebSockets take messages up to so many bytes."""
    return type("Http", (BoundedHttp,), {"cross_origin": cross_origin, "max_message_bytes": max_message_bytes})


def _answer(error: ApiError, more: Mapping[str, str]) -> bytes:
    body: Any = error.response().body
    headers = {name.decode(): value.decode() for name, value in COMMON}
    headers |= {**more, "content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
    return f"{status}{head}\r\n".encode("latin-1") + bytes(body)
