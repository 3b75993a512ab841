"""HTTP/1.1 as uvicorn speaks it, with limits on those who do not: nobody may send a head without an end, or one byte a
minute, or leave an answer untaken, and what is no HTTP is answered in the shape of all other errors.
"""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import ApiError

MOST_HEAD_BYTES = 2 * 1024 * 1024
"""Far more than any client of ours sends: what is merely too long is refused by name, by the route."""
HEAD_S = 30.0
"""How long a connection may take to bring its next request's head."""
TAKES_NOTHING_S = 90.0
"""After this the system gives up a client that takes nothing of its answer; readers of streams are dropped sooner."""
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _late: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _head_done = False
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_S, self._head_is_late)
        link = transport.get_extra_info("socket")
        if link is not None and _USER_TIMEOUT is not None:
            link.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(TAKES_NOTHING_S * 1000))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._head_done or self._refused:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(
                ApiError(431, f"The request's head is larger than {MOST_HEAD_BYTES} bytes.", code="head_too_large")
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

    def send_400_response(self, msg: str) -> None:
        self._refuse(ApiError(400, "This is not valid HTTP/1.1: look for control characters.", code="invalid_http"))

    def _head_is_late(self) -> None:
        self._late = None
        self._refuse(ApiError(408, f"The request's head did not arrive within {HEAD_S:.0f} s.", code="request_timeout"))

    def _stop_clock(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, error: ApiError) -> None:
        self._refused = True
        self._stop_clock()
        if self.transport.is_closing():
            return
        if getattr(self.cycle, "response_complete", True):
            self.transport.write(_answer(error))
        self.transport.close()


def _answer(error: ApiError) -> bytes:
    body: Any = error.response().body
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return (status + head).encode() + bytes(body)
