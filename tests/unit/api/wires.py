"""A connection whose other end is a list of bytes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from api.http.protocol import BoundedHttp

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Wire(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.ended = False
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

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Tests bring what they bring."""

    resume_reading = pause_reading

    @property
    def over(self) -> bool:
        """Whether the client is told that nothing more comes."""
        return self.ended or self.closed

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
