"""Making trials, one after the other: a fault of one is that one's result."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable

from tests.e2e.stack import Stack
from tests.fuzz.asking import Door
from tests.fuzz.upstream import Upstream
from tests.trials import of_clients, of_keys, of_rows, of_streams, of_upstreams
from tests.trials.ground import Ground
from tests.trials.trial import TRIALS, Result, Trial

LISTED = (of_streams, of_upstreams, of_clients, of_keys, of_rows)
"""Where trials stand; importing a module puts its own on the list."""
_NUMBER = re.compile(r"([A-Z]*)(\d+)\.?(.*)")
TIMEOUT_S = 100.0


def ground_of(stack: Stack, upstream: Upstream, mark: str = "trial") -> Ground:
    return Ground(stack, upstream, Door(int(stack.url.rpartition(":")[2]), stack.key), mark)


async def make(ground: Ground, wanted: Callable[[Trial], bool]) -> AsyncIterator[tuple[Trial, Result]]:
    """Every wanted trial with what came of it."""
    for trial in in_order():
        if wanted(trial):
            yield trial, await attempt(trial, ground)


def in_order() -> list[Trial]:
    """All trials: faults first, by their numbers."""

    def place(trial: Trial) -> tuple[int, int, str]:
        found = _NUMBER.fullmatch(trial.number)
        assert found is not None, trial.number
        return "F DJ".find(found[1] or " "), int(found[2]), found[3]

    return sorted(TRIALS, key=place)


async def attempt(trial: Trial, ground: Ground) -> Result:
    """One trial; what breaks it is what was seen."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await trial.run(ground)
    except Exception as error:  # whatever breaks a trial is its result
        return Result(f"{type(error).__name__}: {error}"[:300], False)


def row(trial: Trial, result: Result) -> str:
    """A line of the table."""
    verdict = "right" if result.right else "WRONG"
    return f"{trial.number:<6} {verdict}  {trial.what[:56]:<56}  {trial.expected[:60]:<60}  {result.seen[:260]}"
