"""Sources of a stream: running generations grow, finished ones are complete."""

from __future__ import annotations

from typing import Protocol

from api.streaming.endings import Ending, ending_of_outcome
from api.streaming.pieces import Piece, parts_said, pieces_of
from schemas.envelope import plain
from schemas.generation import Turn
from schemas.outcome import Outcome
from schemas.parts import VISIBLE


class Listener(Protocol):
    """A callback for a source that has grown."""

    def wake(self) -> None: ...


class Source(Protocol):
    """`pieces[n - 1]` is chunk n's. `turn` None: frame 0 is not there yet."""

    @property
    def turn(self) -> Turn | None: ...
    @property
    def started_at_us(self) -> int: ...
    @property
    def pieces(self) -> list[Piece]: ...
    @property
    def ending(self) -> Ending | None: ...
    @property
    def lost(self) -> Exception | None:
        """Why this source will never end; None as long as it may."""

    def listen(self, listener: Listener) -> None: ...
    def leave(self, listener: Listener) -> None: ...


def text_of(source: Source) -> str:
    """All text so far that is shown."""
    return "".join(part.text for part in parts_said(source.pieces) if part.kind in VISIBLE)


class FinishedSource:
    """A finished generation, served from its outcome: the same chunks, the same times, the same bytes."""

    lost = None

    def __init__(self, outcome: Outcome) -> None:
        self.turn: Turn | None = outcome.turn
        self.ending: Ending | None = ending_of_outcome(outcome)
        started = outcome.started_at_us
        self.started_at_us = outcome.ended_at_us if started is None else started
        self.pieces = pieces_of(plain(outcome.text), outcome.chunks, outcome.parts, outcome.logprobs)

    def listen(self, listener: Listener) -> None:
        """It never grows."""

    def leave(self, listener: Listener) -> None:
        """Nothing was registered."""
