"""A response that is answered whole, once it has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.responses import Response

from api.access.principal import Principal
from api.http.errors import ApiError, of_failure
from api.responses.frames import whole_response
from api.responses.shapes import Parameters, Status, response_object
from api.streaming.endings import Ending
from api.streaming.readers import Readers
from api.turns.joining import Opened
from api.turns.whole import WholeAnswer


class WholeResponse(WholeAnswer):
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
        super().__init__(readers, caller, opened, on_leave, headers, arrived_s)
        self._shown = shown

    async def refused(self) -> ApiError | None:
        source = self._opened.source
        if source.ending is None or source.turn is None or source.pieces:
            return None
        return refusal(source.ending)

    def whole(self) -> Response:
        return json_response(self._shown(), self._answer_headers)


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
