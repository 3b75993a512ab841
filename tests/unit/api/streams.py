"""Driving an ASGI response by hand: what it sends, when, and a client that may leave or stop reading."""

from __future__ import annotations

import asyncio
from typing import Any

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
