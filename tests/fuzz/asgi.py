"""Requests to an application without a server between, byte by byte: also garbage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

MAX_PARTS = 64
"""Of an answer that does not end: then its client leaves."""
WAIT_S = 60.0
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an application answered. `whole`: it came to its end by itself."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


async def ask(app: Any, method: str, target: bytes, headers: Headers = (), body: bytes = b"") -> Answered:
    """Ask an application. Of a stream of events the first part is read, and its client leaves."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"verbatim"), *((name.lower(), value) for name, value in headers)],
        "client": ("127.0.0.1", 1),
        "server": ("verbatim", 80),
    }
    given, left = False, asyncio.Event()
    status, found, parts, whole = 0, dict[str, str](), list[bytes](), False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, whole
        if message["type"] == "http.response.start":
            status = message["status"]
            found.update((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            whole = not message.get("more_body", False)
            if whole or found.get("content-type", "").startswith("text/event-stream") or len(parts) > MAX_PARTS:
                left.set()

    async with asyncio.timeout(WAIT_S):
        await app(scope, receive, send)
    return Answered(status, found, b"".join(parts), whole)
