"""A completion that is answered once it has ended, whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response

from api.access.principal import Principal
from api.http.errors import ApiError
from api.openai.leaving import refusal
from api.streaming.endings import Ending
from api.streaming.pieces import Piece
from api.streaming.readers import Readers
from api.turns.joining import Opened
from api.turns.whole import WholeAnswer
from schemas.generation import Turn

Answered = Sequence[tuple[Sequence[Piece], Ending]]
"""The choices of a completion: their pieces and how they ended."""
Shape = Callable[[Turn, int, Answered], bytes]
"""The bytes of a completion: of the first choice's turn, when that began, and all choices."""


class WholeCompletion(WholeAnswer):
    """The answer of all choices. The first one that fails or is cancelled is the answer; `stop` ends the others."""

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
        super().__init__(readers, caller, opened, on_leave, headers, arrived_s)
        self._shape = shape
        self._stop = stop

    async def refused(self) -> ApiError | None:
        for source in self._sources:
            if source.ending is not None and source.turn is not None:
                error = refusal(source.ending)
                if error is not None:
                    await self._stop()
                    return error
        return None

    def whole(self) -> Response:
        first = self._sources[0]
        turn = first.turn or self._opened.turn
        answered = [(source.pieces, source.ending) for source in self._sources if source.ending is not None]
        content = self._shape(turn, first.started_at_us, answered)
        return Response(content, 200, self._answer_headers, "application/json")
