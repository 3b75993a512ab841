"""Sends server-sent events from a source to a socket: each once, in order, to the terminal frame.

How a stream ends:

    terminal frame sent ──▶ the response is complete
    client gone / stalled / revoked / overdue / process ends ──▶ cut without a terminal; it resumes at its last id
    source lost (the log is away) ──▶ before the head: 503; after it: cut

All frames that wait leave in one write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.responses import Response
from starlette.types import Send

from api.http.errors import ApiError, as_api_error
from api.http.metrics import FIRST_FRAME_SECONDS
from api.streaming.endings import Ending
from api.streaming.frames import KEEP_ALIVE, Frames
from api.streaming.readers import Credential, Reader, Readers
from api.streaming.serving import ServedResponse
from api.streaming.sources import Source
from infra.clock import monotonic_s

MAX_FRAMES = 1000
"""Frames joined into one write: a long catch-up leaves in bounded pieces."""
NEWS_AFTER_S = 1.0
"""How long an answer may take to begin before its reader is told why; a refusal before that is told by the head."""
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


class News(Protocol):
    """What is told while an answer has not begun; no part of its frames."""

    def listen(self, reader: Reader) -> None:
        """Wake the reader when there may be something new; `leave` ends it."""

    def leave(self, reader: Reader) -> None:
        """Wake it no more; twice does no harm."""

    def next(self) -> bytes:
        """What is new, as bytes of a stream; empty: nothing."""


class EventStream(ServedResponse):
    """Serves `source` from the frame after `after` (-1: from the beginning).

    The head leaves with frame 0; with `head_at_text`, with the first text or the end. A heartbeat sends it in any case.
    An ending that comes before the head may be answered by `refuse` instead of a stream. `release` is called once, last
    of all; `on_leave` before it, if the client left before the end. `arrived_s` is when the prompt arrived: given, the
    time to the first text is measured. `news` is told until the answer begins.
    """

    def __init__(
        self,
        source: Source,
        frames: Frames,
        readers: Readers,
        credential: Credential,
        release: Callable[[], None],
        *,
        after: int = -1,
        head_at_text: bool = False,
        refuse: Callable[[Ending], ApiError | None] | None = None,
        on_leave: Callable[[], Awaitable[None]] | None = None,
        headers: Mapping[str, str] | None = None,
        arrived_s: float | None = None,
        news: News | None = None,
    ) -> None:
        super().__init__(readers, credential, {**HEADERS, **(headers or {})})
        self._source = source
        self._frames = frames
        self._release = release
        self._after = after
        self._head_at_text = head_at_text
        self._refuse = refuse
        self._on_leave = on_leave
        self._arrived_s = arrived_s
        self._news = news

    def listen(self, reader: Reader) -> None:
        self._source.listen(reader)
        if self._news is not None and self._source.turn is None:
            self._news.listen(reader)

    def leave(self, reader: Reader) -> None:
        self._source.leave(reader)
        if self._news is not None:
            self._news.leave(reader)

    def release(self) -> None:
        self._release()

    async def left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and self._source.ending is None and self._on_leave is not None:
            await self._on_leave()

    async def serve(self, send: Send, reader: Reader) -> Response | None:
        """Send all there is until the end. Returns what is to be answered instead, if the head never left."""
        source, frames, cursor = self._source, self._frames, self._after
        if cursor >= 0 and source.turn is not None:
            frames.start(source.turn, source.started_at_us)  # made, not sent: later frames build on it
        while reader.gone is None:
            if source.lost is not None:
                return None if self._head_sent else as_api_error(source.lost).response()
            out: list[bytes] = []
            turn, ending, there = source.turn, source.ending, len(source.pieces)
            if turn is not None and cursor < 0 and (there or ending or not self._head_at_text or reader.beat):
                if ending is not None and not there and not self._head_sent and self._refuse is not None:
                    refused = self._refuse(ending)
                    if refused is not None:
                        return refused.response()
                out.append(frames.start(turn, source.started_at_us))
                cursor = 0
            if 0 <= cursor < there:
                stop = min(there, cursor + MAX_FRAMES)
                out += frames.chunks(source.pieces, cursor, stop)
                cursor = stop
            last = ending is not None and cursor >= there and turn is not None
            if ending is not None and last and cursor <= there:
                out.append(frames.end(ending, there + 1))
            if self._news is not None:
                if turn is not None:
                    self._news.leave(reader)
                    self._news = None
                elif monotonic_s() - reader.entered_s >= NEWS_AFTER_S and (told := self._news.next()):
                    out.append(told)
            if not out and reader.beat:
                out.append(KEEP_ALIVE)
            if not out and not last:
                await reader.wait()
                continue
            await self.write(send, reader, b"".join(out), more=not last)
            if there and self._arrived_s is not None:
                FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
                self._arrived_s = None
            if last:
                return None
        return None
