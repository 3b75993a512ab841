"""A stream of server-sent events that has no end of its own: to its client for as long as that looks.

It ends when its source does, and is cut when the client leaves or takes nothing, its key is revoked, or its time is
over; the client resumes. Raw ASGI, as api.streaming.sse: one task a stream, and what waits leaves in one write.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.streaming.frames import KEEP_ALIVE
from api.streaming.readers import Reader, Readers
from api.streaming.serving import serving
from api.streaming.sse import HEADERS, watched
from infra.clock import monotonic_s


class PushedSource(Protocol):
    """What is pushed to one client."""

    def listen(self, reader: Reader) -> None:
        """Wake the reader from now on whenever there is something new."""

    async def next(self) -> bytes | None:
        """Frames to be sent, bounded; b"" if there is nothing new; None: nothing more will come."""

    def beat(self) -> bytes:
        """What keeps a quiet stream alive."""

    def close(self) -> None:
        """Called once, last of all."""


class PushedStream(Response):
    """Serves `source`; its head leaves at once."""

    def __init__(self, source: PushedSource, readers: Readers, key_sha256: str) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._source = source
        self._readers = readers
        self._key_sha256 = key_sha256

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = self._source
        async with (
            serving(
                self._readers,
                self._key_sha256,
                listen=source.listen,
                leave=lambda _: None,
                release=source.close,
            ) as reader,
            watched(receive, reader),
        ):
            await self._serve(send, reader)

    async def _serve(self, send: Send, reader: Reader) -> None:
        await self._write(send, reader, KEEP_ALIVE, head=True)
        while (data := await self._source.next()) is not None:
            if reader.gone is not None:
                return
            if not data and reader.beat:
                data = self._source.beat()
            if data:
                await self._write(send, reader, data)
            else:
                await reader.wait()
        if reader.gone is None:
            await self._write(send, reader, b"", last=True)

    async def _write(self, send: Send, reader: Reader, data: bytes, *, head: bool = False, last: bool = False) -> None:
        reader.beat = False
        reader.sending_since_s = reader.sent_at_s = monotonic_s()
        if head:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": data, "more_body": not last})
        reader.sending_since_s = None


def frame(name: str, data: dict[str, Any], at: str | None = None) -> bytes:
    """One event. `at`: its id, where a client goes on."""
    head = b"" if at is None else b"id: %b\n" % at.encode()
    return head + b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
