"""A stream of server-sent events: from a source to a socket, once, in order, to its terminal.

How a stream ends:

    terminal frame sent ──▶ the response is complete
    client gone / stalled / revoked / overdue / process ends ──▶ cut without a terminal; it resumes at its last id
    source lost (the log is away) ──▶ before the head: 503; after it: cut

Raw ASGI on purpose: one task a stream, all frames that wait in one write, no middleware between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.errors import ApiError, as_api_error
from api.http.metrics import FIRST_FRAME_SECONDS
from api.streaming.endings import Ending
from api.streaming.frames import KEEP_ALIVE, Frames
from api.streaming.readers import Reader, Readers
from api.streaming.serving import serving
from api.streaming.sources import Source
from infra.clock import monotonic_s

MOST_FRAMES = 1000
"""Frames joined into one write: a long catch-up leaves in bounded pieces."""
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class EventStream(Response):
    """Serves `source` from the frame after `after` (-1: from the beginning).

    The head leaves with frame 0; with `head_at_text`, with the first text or the end. A heartbeat sends it in any case.
    An ending that comes before the head may be answered by `refuse` instead of a stream. `release` is called once, last
    of all; `on_leave` before it, if the client left before the end. `arrived_s` is when the prompt arrived: given, the
    time to the first text is measured.
    """

    def __init__(
        self,
        source: Source,
        frames: Frames,
        readers: Readers,
        key_sha256: str,
        release: Callable[[], None],
        *,
        after: int = -1,
        head_at_text: bool = False,
        refuse: Callable[[Ending], ApiError | None] | None = None,
        on_leave: Callable[[], Awaitable[None]] | None = None,
        headers: Mapping[str, str] | None = None,
        arrived_s: float | None = None,
    ) -> None:
        super().__init__(headers={**HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._source = source
        self._frames = frames
        self._readers = readers
        self._key_sha256 = key_sha256
        self._release = release
        self._after = after
        self._head_at_text = head_at_text
        self._refuse = refuse
        self._on_leave = on_leave
        self._arrived_s = arrived_s
        self._head_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        source = self._source
        error: ApiError | None = None
        async with serving(
            self._readers,
            self._key_sha256,
            listen=source.listen,
            leave=source.leave,
            release=self._release,
            left=self._left,
        ) as reader:
            async with watched(receive, reader):
                error = await self._serve(send, reader)
            if error is not None:
                await error.response()(scope, receive, send)

    async def _left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and self._source.ending is None and self._on_leave is not None:
            await self._on_leave()

    async def _serve(self, send: Send, reader: Reader) -> ApiError | None:
        """Send all there is until the end. Returns what is to be answered instead, if the head never left."""
        source, frames, cursor = self._source, self._frames, self._after
        if cursor >= 0 and source.turn is not None:
            frames.start(source.turn, source.started_at_us)  # made, not sent: later frames build on it
        while reader.gone is None:
            if source.lost is not None:
                return None if self._head_sent else as_api_error(source.lost)
            out: list[bytes] = []
            turn, ending, there = source.turn, source.ending, len(source.pieces)
            if turn is not None and cursor < 0 and (there or ending or not self._head_at_text or reader.beat):
                if ending is not None and not there and not self._head_sent and self._refuse is not None:
                    refused = self._refuse(ending)
                    if refused is not None:
                        return refused
                out.append(frames.start(turn, source.started_at_us))
                cursor = 0
            if 0 <= cursor < there:
                stop = min(there, cursor + MOST_FRAMES)
                out += frames.chunks(source.pieces, cursor, stop)
                cursor = stop
            last = ending is not None and cursor >= there and turn is not None
            if ending is not None and last and cursor <= there:
                out.append(frames.end(ending, there + 1))
            if not out and reader.beat:
                out.append(KEEP_ALIVE)
            if not out and not last:
                await reader.wait()
                continue
            await self._write(send, reader, b"".join(out), more=not last)
            if there and self._arrived_s is not None:
                FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
                self._arrived_s = None
            if last:
                return None
        return None

    async def _write(self, send: Send, reader: Reader, data: bytes, *, more: bool) -> None:
        reader.beat = False
        reader.sending_since_s = reader.sent_at_s = monotonic_s()
        if not self._head_sent:
            self._head_sent = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": data, "more_body": more})
        reader.sending_since_s = None


@contextlib.asynccontextmanager
async def watched(receive: Receive, reader: Reader) -> AsyncIterator[None]:
    """Within, `reader.gone` is set when the client disconnects; a reader that was dropped while it waited for its
    socket leaves the block quietly."""
    try:
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(_watch(receive, reader))
            yield
            watch.cancel()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if reader.gone is None or task is None:
            raise
        task.uncancel()


async def _watch(receive: Receive, reader: Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.leave("disconnected")
