"""Several answers to one request in one stream, interleaved as they come.

Each choice's own events are the same at any age; how they interleave is not. The stream ends when all have ended. A
choice that fails or is cancelled ends the others and the stream: before the head with a status, after it with an error
event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response
from starlette.types import Send

from api.access.principal import Principal
from api.http.errors import as_api_error
from api.http.metrics import FIRST_FRAME_SECONDS
from api.openai.leaving import refusal
from api.openai.shapes import ChoiceFrames
from api.streaming import sse
from api.streaming.frames import KEEP_ALIVE
from api.streaming.readers import Reader, Readers
from api.streaming.serving import ServedResponse
from api.streaming.sse import HEADERS, MAX_FRAMES, News
from api.turns.joining import Opened
from infra.clock import monotonic_s


class ChoiceStream(ServedResponse):
    """Serves all answers that were opened, from the beginning; `frames` are theirs, in the same order. `news` is told
    until the first choice begins, which names the completion."""

    def __init__(
        self,
        frames: Sequence[ChoiceFrames],
        readers: Readers,
        caller: Principal,
        opened: Opened,
        on_leave: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
        headers: dict[str, str],
        arrived_s: float,
        news: News | None = None,
    ) -> None:
        super().__init__(readers, caller.credential, {**HEADERS, **headers})
        self._frames = frames
        self._opened = opened
        self._sources = [each.source for each in opened.all]
        self._cursors = [-1] * len(self._sources)
        self._ended = [False] * len(self._sources)
        self._on_leave = on_leave
        self._stop = stop
        self._arrived_s: float | None = arrived_s
        self._news = news

    def listen(self, reader: Reader) -> None:
        for source in self._sources:
            source.listen(reader)
        if self._news is not None and self._sources[0].turn is None:
            self._news.listen(reader)

    def leave(self, reader: Reader) -> None:
        for source in self._sources:
            source.leave(reader)
        if self._news is not None:
            self._news.leave(reader)

    def release(self) -> None:
        self._opened.release_all()

    async def left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and any(source.ending is None for source in self._sources):
            await self._on_leave()

    async def serve(self, send: Send, reader: Reader) -> Response | None:
        while reader.gone is None:
            lost = next((source.lost for source in self._sources if source.lost is not None), None)
            if lost is not None:
                return None if self._head_sent else as_api_error(lost).response()
            refused = None if self._head_sent else self._refused()
            if refused is not None:
                await self._stop()
                return refused
            out, last = self._due(beat=reader.beat)
            out += self._told(reader)
            if not out and reader.beat:
                out.append(KEEP_ALIVE)
            if not out:
                await reader.wait()
                continue
            await self.write(send, reader, b"".join(out), more=not last)
            self._measure()
            if last:
                if not all(self._ended):
                    await self._stop()
                return None
        return None

    def _refused(self) -> Response | None:
        """The error of the first choice that failed, while nothing has been sent."""
        for source in self._sources:
            error = None if source.ending is None else refusal(source.ending)
            if error is not None:
                return error.response()
        return None

    def _due(self, *, beat: bool) -> tuple[list[bytes], bool]:
        """(the events that are due, whether they are the last). The head waits for the first choice to begin, which
        names the completion, and for something to show."""
        first = self._sources[0]
        begun = any(source.pieces or source.ending is not None for source in self._sources)
        if first.turn is None or not (self._head_sent or begun or beat):
            return [], False
        out: list[bytes] = []
        for nth, source in enumerate(self._sources):
            if self._ended[nth] or source.turn is None:
                continue
            frames = self._frames[nth]
            if self._cursors[nth] < 0:
                out.append(frames.start(first.turn, first.started_at_us))
                self._cursors[nth] = 0
            there = len(source.pieces)
            stop = min(there, self._cursors[nth] + MAX_FRAMES)
            out += frames.chunks(source.pieces, self._cursors[nth], stop)
            self._cursors[nth] = stop
            if source.ending is None or stop < there:
                continue
            out.append(frames.finish(source.ending))
            if refusal(source.ending) is not None:
                return out, True
            self._ended[nth] = True
        if not all(self._ended):
            return out, False
        usages = [source.ending.usage for source in self._sources if source.ending is not None]
        out.append(self._frames[0].close(usages))
        return out, True

    def _told(self, reader: Reader) -> list[bytes]:
        """What is new of a queue in which the first choice waits."""
        if self._news is None:
            return []
        if self._sources[0].turn is not None:
            self._news.leave(reader)
            self._news = None
            return []
        told = self._news.next() if monotonic_s() - reader.entered_s >= sse.NEWS_AFTER_S else b""
        return [told] if told else []

    def _measure(self) -> None:
        if self._arrived_s is not None and any(source.pieces for source in self._sources):
            FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
            self._arrived_s = None
