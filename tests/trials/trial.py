"""One thing that somebody else's bug report made worth trying."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.trials.ground import Ground


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it, in a few words."""

    seen: str
    right: bool


Run = Callable[[Ground], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Trial:
    """`quick`: over in a moment, so the gate runs it."""

    number: str
    what: str
    expected: str
    run: Run
    quick: bool = True


TRIALS: list[Trial] = []


def trial(number: str, what: str, expected: str, *, quick: bool = True) -> Callable[[Run], Run]:
    """Put a function on the list."""

    def put(run: Run) -> Run:
        TRIALS.append(Trial(number, what, expected, run, quick))
        return run

    return put
