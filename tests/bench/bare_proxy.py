"""The least that a proxy of event streams in Python does: `python -m tests.bench.bare_proxy http://127.0.0.1:30001/v1`.

It sends each request on, decodes the JSON of each event, encodes it again, and sends it to the client: nothing is kept,
counted or checked. With the libraries that Verbatim uses as well: uvicorn on uvloop and httptools, aiohttp, orjson. It
is what Verbatim's figures are compared with on the same machine, so it is written plainly and never tuned with the
product.

Listens on a free loopback port, writes it to stdout as one line, and ends when its stdin is closed.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_DATA, _DONE = b"data: ", b"[DONE]"
_STOP_S = 1


class BareProxy:
    """The application. `upstream` is a base URL up to /v1; a path below /v1 is asked of it."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        url = self._upstream + scope["path"].removeprefix("/v1")
        headers = {"Content-Type": "application/json"}
        async with self._opened().request(scope["method"], url, data=body, headers=headers) as answer:
            kind = answer.headers.get("Content-Type", "application/octet-stream").encode()
            head = {"type": "http.response.start", "status": answer.status, "headers": [(b"content-type", kind)]}
            await send(head)
            async for line in answer.content:
                if line.startswith(_DATA):
                    await send({"type": "http.response.body", "body": _again(line), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made in the running loop."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        return self._session


def _again(line: bytes) -> bytes:
    """An event, decoded and encoded."""
    payload = line[len(_DATA) :].strip()
    return b"data: %b\n\n" % (payload if payload == _DONE else orjson.dumps(orjson.loads(payload)))


async def serve(upstream: str) -> None:
    """Serve until stdin is closed."""
    proxy = BareProxy(upstream)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            proxy,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=_STOP_S,
        )
    )
    print(listening.getsockname()[1], flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listening]))
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
    await proxy.aclose()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as main:
        main.run(serve(sys.argv[1]))
