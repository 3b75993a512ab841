"""Driving an ASGI response by hand: what it sends, when, and a client that may leave or stop reading."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.responses import Response

SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "headers": []}


class Client:
    """The other end of a response."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.writes: list[bytes] = []
        self.complete = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._left = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether a head came."""
        return self.status is not None

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reading.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.writes.append(message["body"])
            self.complete = not message.get("more_body", False)

    async def take(self, response: Response) -> None:
        await response(SCOPE, self.receive, self.send)

    async def ask(self, app: Any, path: str, key: str, body: dict[str, Any]) -> None:
        """Send a request to a whole app; returns when it is answered."""
        raw: list[bytes] = [orjson.dumps(body)]

        async def receive() -> dict[str, Any]:
            if raw:
                return {"type": "http.request", "body": raw.pop(), "more_body": False}
            return await self.receive()

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "scheme": "http",
            "http_version": "1.1",
        }
        await app(scope, receive, self.send)
