"""An upstream that answers with any bytes at all, and then does with its socket what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class RawUpstream:
    """Started and stopped by `async with`; `url` is its base URL. `paths` are those of all requests so far."""

    def __init__(self, script: Script) -> None:
        self.url = ""
        self.paths: list[str] = []
        self._script = script
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RawUpstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.paths.append(head.split(" ")[1])
            size = next((line for line in head.split("\r\n") if line.lower().startswith("content-length:")), ":0")
            await reader.readexactly(int(size.split(":")[1]))
            await self._script(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client has left, or the test is over.
        finally:
            self._tasks.discard(task)
            writer.close()


def sends(*pieces: bytes, then: str = "close", pause_s: float = 0.0, head: bytes = STREAM) -> Script:
    """Send the head and the pieces, with a pause before each. `then`: close, cut (a reset), or open (for ever)."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for piece in pieces:
            await asyncio.sleep(pause_s)
            writer.write(piece)
            await writer.drain()
        if then == "open":
            await asyncio.Event().wait()
        if then == "cut":
            # Let the bytes leave first: a reset throws away what the other side has not read.
            await asyncio.sleep(0.05)
            writer.transport.abort()

    return script


def answers(status: int, body: bytes = b"", *headers: str, whole: bool = True) -> Script:
    """Answer with a status. `whole` False: the body never ends."""
    lines = [f"HTTP/1.1 {status} Said", "Connection: close", *headers]
    lines += [f"Content-Length: {len(body)}" if whole else "Transfer-Encoding: chunked", "", ""]
    sent = body if whole else f"{len(body):x}\r\n".encode() + body + b"\r\n"
    return sends(sent, head="\r\n".join(lines).encode(), then="close" if whole else "open")
