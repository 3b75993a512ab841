"""One client at a source: it enters and leaves exactly once, whatever ends the response; the source is released last.

Raw ASGI on purpose, and past all middleware but for the head. It is served in a task of its own: a wake-up of a task
passes through every frame above it, and a request has two dozen of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.direct import direct
from api.streaming.readers import Credential, Reader, Readers
from infra.clock import monotonic_s


class ServedResponse(Response):
    """An answer that is served, bit by bit or at its end, to one reader of a source.

    While `serve` runs, a reader listens, and `reader.gone` tells when its client is to get no more. On every way out
    (the end, an error, a cancellation) it leaves, and then `release` is called, each once. `left` is awaited in
    between, once nobody listens for this client any more, if `serve` ended by itself. What it raises goes on, and a
    cancellation of it too, after the release.
    """

    def __init__(self, readers: Readers, credential: Credential, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._readers = readers
        self._credential = credential
        self._head_sent = False
        self._direct: Send | None = None

    @abstractmethod
    async def serve(self, send: Send, reader: Reader) -> Response | None:
        """Send all there is, until the end or until the reader is gone. Returns what is to be answered instead."""

    @abstractmethod
    def listen(self, reader: Reader) -> None:
        """From now on wake the reader whenever there is something new."""

    def leave(self, reader: Reader) -> None:
        """The reader listens no more."""

    @abstractmethod
    def release(self) -> None:
        """Give the source back."""

    async def left(self, reader: Reader) -> None:
        """Whatever is to be done when `serve` has ended: the client may have left before its answer's end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.ExitStack() as last:
            last.callback(self.release)
            with contextlib.ExitStack() as ways_out:
                reader = self._readers.enter(self._credential)
                ways_out.callback(self._readers.exit, reader)
                self.listen(reader)
                ways_out.callback(self.leave, reader)
                self._direct = direct(scope, send)
                instead = await self._watched(receive, send, reader)
                if instead is not None:
                    await instead(scope, receive, send)
            await self.left(reader)

    async def write(self, send: Send, reader: Reader, data: bytes, *, more: bool) -> None:
        """Send a piece of the body, after the head if it is the first."""
        reader.beat = False
        reader.sending_since_s = reader.sent_at_s = monotonic_s()
        if not self._head_sent:
            self._head_sent = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await (self._direct or send)({"type": "http.response.body", "body": data, "more_body": more})
        reader.sending_since_s = None

    async def _watched(self, receive: Receive, send: Send, reader: Reader) -> Response | None:
        """Serve, while it is watched whether the client disconnects. A reader that was dropped while it waited for its
        socket ends it quietly."""
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._serve_here(send, reader))
            watch = tasks.create_task(_watch(receive, reader))
            serving.add_done_callback(lambda _: watch.cancel())
        return None if serving.cancelled() else serving.result()

    async def _serve_here(self, send: Send, reader: Reader) -> Response | None:
        reader.is_served_here()
        return await self.serve(send, reader)


async def _watch(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.leave("disconnected")
