"""Sums of a ledger that is longer than one answer sums up: whole days, and none in between left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from projections.usage import daily
from projections.usage.daily import DAY_US, daily_usage
from projections.usage.fold import month_of

FIRST_DAY = 20_500


class Ledger:
    """A user's rows, newest first within a month, as the table gives them."""

    def __init__(self, *rows: tuple[int, str | None]) -> None:
        """Each row's day after FIRST_DAY, and its model; None: it was re-rated before its own record came."""
        self._rows = [((FIRST_DAY + day) * DAY_US + nth, f"g{nth}", model) for nth, (day, model) in enumerate(rows)]

    async def select(self, projection: str, cql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        _, month, since_us, until_us, most = parameters
        found = [row for row in self._rows if month_of(row[0]) == month and since_us <= row[0] < until_us]
        newest = sorted(found, reverse=True)[:most]
        return [(*row, "GenerationCompleted" if row[2] else None, 1, 2, "USD", 3, None) for row in newest]


async def sums(ledger: Ledger) -> tuple[list[tuple[int, int]], int]:
    """(day after FIRST_DAY, requests) of each, and the first day that is told of."""
    found = await daily_usage(ledger, "u", FIRST_DAY * DAY_US, (FIRST_DAY + 60) * DAY_US)  # type: ignore[arg-type]  # it reads
    return [(day.day - FIRST_DAY, day.generations) for day in found.days], found.since_us // DAY_US - FIRST_DAY


async def test_days_are_whole_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger((0, "m"), (50, "m"), (50, "m"), (51, "m"), (51, "m"))
    assert await sums(ledger) == ([(51, 2), (50, 2), (0, 1)], 0)
    monkeypatch.setattr(daily, "MAX_ROWS", 3)
    assert await sums(ledger) == ([(51, 2)], 51)


async def test_what_is_not_counted_yet_hides_no_day(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger((0, "m"), (50, "m"), (50, "m"), (51, "m"), (51, None))
    monkeypatch.setattr(daily, "MAX_ROWS", 2)
    assert await sums(ledger) == ([(51, 1)], 51)
