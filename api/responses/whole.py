"""A response that is answered whole, once it has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Send

from api.access.principal import Principal
from api.http.errors import ApiError, as_api_error, of_failure
from api.http.metrics import FIRST_FRAME_SECONDS
from api.responses.frames import whole_response
from api.responses.shapes import Parameters, Status, response_object
from api.streaming.endings import Ending
from api.streaming.readers import Reader, Readers
from api.streaming.serving import ServedResponse
from api.turns.joining import Opened
from infra.clock import monotonic_s


class WholeResponse(ServedResponse):
    """Waits for the answer's end, then answers what `shown` makes of it, which may raise ApiError."""

    def __init__(
        self,
        readers: Readers,
        caller: Principal,
        opened: Opened,
        shown: Callable[[], dict[str, Any]],
        on_leave: Callable[[], Awaitable[None]] | None,
        headers: dict[str, str],
        arrived_s: float,
    ) -> None:
        super().__init__(readers, caller.credential)
        self._opened = opened
        self._shown = shown
        self._on_leave = on_leave
        self._answer_headers = headers
        self._arrived_s = arrived_s

    def listen(self, reader: Reader) -> None:
        self._opened.source.listen(reader)

    def leave(self, reader: Reader) -> None:
        self._opened.source.leave(reader)

    def release(self) -> None:
        self._opened.release()

    async def left(self, reader: Reader) -> None:
        if reader.gone == "disconnected" and self._opened.source.ending is None and self._on_leave is not None:
            await self._on_leave()

    async def serve(self, send: Send, reader: Reader) -> Response | None:
        """The answer, once there is one; None for a client that left."""
        source = self._opened.source
        while reader.gone is None:
            if source.lost is not None:
                return as_api_error(source.lost).response()
            if source.ending is not None and source.turn is not None:
                refused = None if source.pieces else refusal(source.ending)
                if refused is not None:
                    return refused.response()
                FIRST_FRAME_SECONDS.observe(monotonic_s() - self._arrived_s)
                return self._whole()
            reader.beat = False
            reader.sent_at_s = monotonic_s()
            await reader.wait()
        if reader.gone == "disconnected":
            return None
        return ApiError(503, "The stream was ended by the server. Please retry.", code=reader.gone).response()

    def _whole(self) -> Response:
        try:
            return json_response(self._shown(), self._answer_headers)
        except ApiError as error:
            return error.response()


def as_it_stands(opened: Opened, shown: Parameters) -> dict[str, Any]:
    """The response as far as it is."""
    source = opened.source
    turn = source.turn or opened.turn
    if source.turn is None and source.ending is None:
        status: Status = "queued" if shown.background else "in_progress"
        return response_object(turn.generation_id, shown, status, [], None)
    return whole_response(turn, shown, source.pieces, source.ending)


def refusal(ending: Ending) -> ApiError | None:
    """The error to answer for a failure of which nothing has been sent yet."""
    return of_failure(ending.failure) if ending.status == "failed" and ending.failure is not None else None


def json_response(value: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A JSON object as the answer."""
    return Response(orjson.dumps(value), 200, headers, "application/json")
