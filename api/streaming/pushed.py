"""A stream of server-sent events without an end of its own, sent while its client reads.

It ends when its source does, and is cut when the client leaves or takes nothing, its key is revoked, or its time is
over; the client resumes. Raw ASGI, as api.streaming.sse: what waits leaves in one write.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from starlette.types import Send

from api.streaming.frames import KEEP_ALIVE
from api.streaming.readers import Credential, Reader, Readers
from api.streaming.serving import ServedResponse
from api.streaming.sse import HEADERS


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


class PushedStream(ServedResponse):
    """Serves `source`; its head leaves at once."""

    def __init__(self, source: PushedSource, readers: Readers, credential: Credential) -> None:
        super().__init__(readers, credential, HEADERS)
        self._source = source

    def listen(self, reader: Reader) -> None:
        self._source.listen(reader)

    def release(self) -> None:
        self._source.close()

    async def serve(self, send: Send, reader: Reader) -> None:
        await self.write(send, reader, KEEP_ALIVE, more=True)
        while (data := await self._source.next()) is not None:
            if reader.gone is not None:
                return
            if not data and reader.beat:
                data = self._source.beat()
            if data:
                await self.write(send, reader, data, more=True)
            else:
                await reader.wait()
        if reader.gone is None:
            await self.write(send, reader, b"", more=False)


def frame(name: str, data: dict[str, Any], at: str | None = None) -> bytes:
    """One event. `at`: its id, where a client goes on."""
    head = b"" if at is None else b"id: %b\n" % at.encode()
    return head + b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
