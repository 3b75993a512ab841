"""A completion that is answered once it has ended, whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response
from starlette.types import Send

from api.access.principal import Principal
from api.http.errors import ApiError, as_api_error
from api.http.metrics import FIRST_FRAME_SECONDS
from api.openai.leaving import refusal
from api.streaming.endings import Ending
from api.streaming.pieces import Piece
from api.streaming.readers import Reader, Readers
from api.streaming.serving import ServedResponse
from api.turns.joining import Opened
from infra.clock import monotonic_s
from schemas.generation import Turn

Answered = Sequence[tuple[Sequence[Piece], Ending]]
"""The choices of a completion: their pieces and how they ended."""
Shape = Callable[[Turn, int, Answered], bytes]
"""The bytes of a completion: of the first choice's turn, when that began, and all choices."""


class WholeCompletion(ServedResponse):
    """Waits for the end of every choice, then answers all of it.

    The first one that fails or is cancelled is the answer; `stop` ends the others. `on_leave`: for a client that leaves
    before.
    """

    def __init__(
        self,
        shape: Shape,
        readers: Readers,
        caller: Principal,
        opened: Opened,
        on_leave: Callable[[], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
        headers: dict[str, str],
        arrived_s: float,
    ) -> None:
        super().__init__(readers, caller.credential)
        self._shape = shape
        self._opened = opened
        self._sources = [each.source for each in opened.all]
        self._on_leave = on_leave
        self._stop = stop
        self._answer_headers = headers
        self._arrived_s = arrived_s

    def listen(self, reader: Reader) -> None:
        for source in self._sources:
            source.listen(reader)

    def leave(self, reader: Reader) -> None:
        for source in self._sources:
            source.leave(reader)

    def release(self) -> None:
        self._opened.release_all()

    async def left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and any(source.ending is None for source in self._sources):
            await self._on_leave()

    async def serve(self, send: Send, reader: Reader) -> Response | None:
        """The answer, once there is one; None for a client that left."""
        while reader.gone is None:
            answer = await self._answer()
            if answer is not None:
                return answer
            reader.beat = False
            reader.sent_at_s = monotonic_s()
            await reader.wait()
        if reader.gone == "disconnected":
            return None
        return ApiError(503, "The stream was ended by the server. Please retry.", code=reader.gone).response()

    async def _answer(self) -> Response | None:
        """What there is to answer now."""
        answered: list[tuple[Sequence[Piece], Ending]] = []
        for source in self._sources:
            if source.lost is not None:
                return as_api_error(source.lost).response()
            if source.ending is None or source.turn is None:
                continue
            refused = refusal(source.ending)
            if refused is not None:
                await self._stop()
                return refused.response()
            answered.append((source.pieces, source.ending))
        first = self._sources[0]
        if len(answered) < len(self._sources) or first.turn is None:
            return None
        FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
        content = self._shape(first.turn, first.started_at_us, answered)
        return Response(content, 200, self._answer_headers, "application/json")
