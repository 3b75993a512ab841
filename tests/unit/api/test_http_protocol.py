"""What comes before a request is whole: bounded in size and time, and refused in the shape of all errors."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from api import http_protocol
from api.http_protocol import BoundedHttp
from tests.eventually import eventually

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Wire(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.options: dict[int, int] = {}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    getpeername = getsockname

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options[option] = value

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    @property
    def answer(self) -> tuple[int, str]:
        """Status and error code."""
        head, _, body = self.written.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head
        return int(head.split(b" ")[1]), json.loads(body)["error"]["code"]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connection() -> tuple[BoundedHttp, Wire]:
    config = Config(app, http=BoundedHttp, log_config=None, access_log=False)
    protocol, wire = BoundedHttp(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def test_ordinary_requests_follow_each_other() -> None:
    protocol, wire = connection()
    for number in (1, 2):
        for part in (HEAD[:7], HEAD[7:], b"\r\n"):
            protocol.data_received(part)
        await eventually(lambda number=number: wire.written.count(b"ok") == number)  # type: ignore[misc]
    assert protocol._late is None
    protocol.connection_lost(None)


async def test_an_answer_that_is_not_taken_is_given_up_by_the_system() -> None:
    protocol, wire = connection()
    assert wire.options == {socket.TCP_USER_TIMEOUT: 90_000}
    protocol.connection_lost(None)


async def test_a_head_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MOST_HEAD_BYTES", 1000)
    protocol, wire = connection()
    protocol.data_received(HEAD + b"X: ")
    for _ in range(10):
        protocol.data_received(b"x" * 500)
    assert wire.answer == (431, "head_too_large")
    assert wire.closed
    protocol.connection_lost(None)


@pytest.mark.parametrize("sent", [b"", HEAD, b"GE"])
async def test_a_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.01)
    protocol, wire = connection()
    protocol.data_received(sent)
    await eventually(lambda: wire.closed)
    assert wire.answer == (408, "request_timeout")
    protocol.connection_lost(None)


@pytest.mark.parametrize("line", [b"X: a\x01b\r\n", b"X\x00: a\r\n", b"no colon\r\n", b"Content-Length: -1\r\n"])
async def test_what_is_no_http(line: bytes) -> None:
    protocol, wire = connection()
    protocol.data_received(HEAD + line + b"\r\n")
    assert wire.answer == (400, "invalid_http")
    assert wire.closed
    protocol.connection_lost(None)
