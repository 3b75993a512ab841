"""The dialect of a streamed response: typed events, numbered densely. Pure.

A client resumes with `starting_after`, the number of the last event it has seen. The events are made from the
generation's beginning, and those up to that number are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.responses.output import Output
from api.responses.shapes import Parameters, Status, response_object, status_of
from api.streaming.endings import Ending
from api.streaming.pieces import Piece
from schemas.generation import Turn

_LAST: dict[Status, str] = {
    "completed": "response.completed",
    "failed": "response.failed",
    "incomplete": "response.incomplete",
    "cancelled": "response.incomplete",
}
"""The last event by status. There is none for a cancelled one: it is the one whose answer is not whole."""


class ResponseFrames:
    """Frames as api.streaming.frames has them; each is the events of one record, or nothing."""

    def __init__(self, asked: Parameters, after: int = -1) -> None:
        self._asked = asked
        self._after = after

    def start(self, turn: Turn, started_at_us: int) -> bytes:
        self._turn = turn
        self._output = Output(turn.generation_id, self._after)
        if self._asked.background:
            self._tell("response.created", "queued")
            self._tell("response.queued", "queued")
        else:
            self._tell("response.created", "in_progress")
        self._tell("response.in_progress", "in_progress")
        return self._output.taken()

    def chunks(self, pieces: Sequence[Piece], first: int, stop: int) -> list[bytes]:
        frames = []
        for piece in pieces[first:stop]:
            self._output.put(piece)
            frames.append(self._output.taken())
        return frames

    def end(self, ending: Ending, seq: int) -> bytes:
        status = status_of(ending)
        self._output.close(whole=status == "completed")
        self._tell(_LAST[status], status, ending)
        return self._output.taken()

    @property
    def events(self) -> int:
        """How many events there are so far, those that were left out included."""
        return self._output.number

    def _tell(self, kind: str, status: Status, ending: Ending | None = None) -> None:
        said = response_object(self._turn.generation_id, self._asked, status, self._output.items, ending)
        self._output.tell(kind, {"response": said})


def number_of_events(turn: Turn, asked: Parameters, pieces: Sequence[Piece], ending: Ending) -> int:
    """How many events the stream of a response that has ended has."""
    frames = ResponseFrames(asked, after=2**63)
    frames.start(turn, 0)
    frames.chunks(pieces, 0, len(pieces))
    frames.end(ending, len(pieces) + 1)
    return frames.events


def whole_response(turn: Turn, asked: Parameters, pieces: Sequence[Piece], ending: Ending | None) -> dict[str, Any]:
    """The response as it stands: the object that its events come to. `ending` None: it still runs."""
    output = Output(turn.generation_id)
    for piece in pieces:
        output.put(piece)
    if ending is None:
        # What is open is shown as far as it is, still in progress.
        output.close(whole=False)
        items = [{**item, "status": "in_progress"} for item in output.items[-1:]]
        return response_object(turn.generation_id, asked, "in_progress", [*output.items[:-1], *items], None)
    status = status_of(ending)
    output.close(whole=status == "completed")
    return response_object(turn.generation_id, asked, status, output.items, ending)
