"""An answer that is sent whole, once all that it consists of has ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Send

from api.access.principal import Principal
from api.http.errors import ApiError, as_api_error
from api.http.metrics import FIRST_FRAME_SECONDS
from api.streaming.readers import Reader, Readers
from api.streaming.serving import ServedResponse
from api.turns.joining import Opened
from infra.clock import monotonic_s


class WholeAnswer(ServedResponse):
    """Waits for the end of every opened generation, unless one of them is an answer before. `on_leave`: for a client
    that leaves before."""

    def __init__(
        self,
        readers: Readers,
        caller: Principal,
        opened: Opened,
        on_leave: Callable[[], Awaitable[None]] | None,
        headers: dict[str, str],
        arrived_s: float,
    ) -> None:
        super().__init__(readers, caller.credential)
        self._opened = opened
        self._sources = [each.source for each in opened.all]
        self._on_leave = on_leave
        self._answer_headers = headers
        self._arrived_s = arrived_s

    @abstractmethod
    async def refused(self) -> ApiError | None:
        """What is answered at once, whatever still runs; None: nothing is."""

    @abstractmethod
    def whole(self) -> Response:
        """The answer, now that all have ended. May raise ApiError."""

    def listen(self, reader: Reader) -> None:
        for source in self._sources:
            source.listen(reader)

    def leave(self, reader: Reader) -> None:
        for source in self._sources:
            source.leave(reader)

    def release(self) -> None:
        self._opened.release_all()

    async def left(self, reader: Reader) -> None:
        runs = any(source.ending is None for source in self._sources)
        if reader.gone == "disconnected" and runs and self._on_leave is not None:
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
        lost = next((source.lost for source in self._sources if source.lost is not None), None)
        if lost is not None:
            return as_api_error(lost).response()
        refused = await self.refused()
        if refused is not None:
            return refused.response()
        if any(source.ending is None or source.turn is None for source in self._sources):
            return None
        FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
        try:
            return self.whole()
        except ApiError as error:
            return error.response()
