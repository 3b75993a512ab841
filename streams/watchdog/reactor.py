"""Finds the turns that have passed their deadline without an end. Pure: the current time is an argument."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from infra.runtime.bounded import Seen
from schemas import ids
from schemas.bounding import bounded
from schemas.envelope import Envelope, Position
from schemas.generation import Failure, GenerationEnded, Turn
from schemas.price import Price
from schemas.turns import Command, generations_of, turn_of

EXPIRED = Failure("timeout", "no worker finished this in time", True)
REMEMBERED = 100_000
_ACTOR = "system:watchdog"


@dataclass(frozen=True, slots=True)
class Watched:
    """A turn that must end by `due_us`."""

    turn: Turn
    due_us: int
    correlation_id: str
    causation_id: str


class OpenTurns:
    """Turns begun and not yet ended, by the time they are due."""

    def __init__(self, margin_us: int) -> None:
        """`margin_us`: how long after its own deadline a turn may still be ended by its worker."""
        self._margin_us = margin_us
        self._open: dict[str, Watched] = {}
        self._due: list[tuple[int, str]] = []
        self._ended: Seen[str] = Seen(REMEMBERED)

    def __len__(self) -> int:
        return len(self._open)

    def began(self, command: Command, cause: Position, price: Price) -> tuple[str, ...]:
        """A command was seen. Returns those of its generations that have not ended: the others need no watch."""
        left = []
        for choice, generation in enumerate(generations_of(command)):
            if generation in self._ended:
                continue
            left.append(generation)
            if generation not in self._open:
                self._watch(command, turn_of(command, cause, price, choice))
        return tuple(left)

    def _watch(self, command: Command, turn: Turn) -> None:
        due_us = command.deadline_at_us + self._margin_us
        self._open[turn.generation_id] = Watched(
            turn, due_us, command.envelope.correlation_id, command.envelope.event_id
        )
        heapq.heappush(self._due, (due_us, turn.generation_id))

    def ended(self, generation_id: str) -> bool:
        """Its outcome was seen. True if it was open."""
        self._ended.add(generation_id)
        return self._open.pop(generation_id, None) is not None

    def due(self, now_us: int, most: int) -> list[Watched]:
        """Up to `most` turns whose time is over. They stay open: `ended` or `later` must follow."""
        found: list[Watched] = []
        while self._due and self._due[0][0] <= now_us and len(found) < most:
            _, generation = heapq.heappop(self._due)
            watched = self._open.get(generation)
            if watched is not None:
                found.append(watched)
        return found

    def later(self, watched: Watched, due_us: int) -> None:
        """Look at a turn again at `due_us`."""
        if watched.turn.generation_id in self._open:
            heapq.heappush(self._due, (due_us, watched.turn.generation_id))


def expiry(watched: Watched, now_us: int) -> GenerationEnded:
    """The end of an overdue turn."""
    return GenerationEnded(
        envelope=bounded(
            Envelope(
                ids.event_id(watched.turn.generation_id, "GenerationEnded/expired"),
                now_us,
                watched.causation_id,
                watched.correlation_id,
                _ACTOR,
            )
        ),
        turn=watched.turn,
        reason="expired",
        seen=None,
        failure=EXPIRED,
    )
