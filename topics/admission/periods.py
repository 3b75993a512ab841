"""The periods of budgets, by the log's time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

DAY_US = 24 * 60 * 60 * 1_000_000
PERIODS = ("day", "month", "total")


@dataclass(frozen=True, slots=True)
class Moment:
    """The day (since 1970) and the month (since year 0) of a time, both in UTC."""

    day: int
    month: int

    def index(self, period: str) -> int:
        """Which of its periods this is. A period that is not known is the whole time."""
        return self.day if period == "day" else self.month if period == "month" else 0

    @property
    def all(self) -> Iterable[tuple[str, int]]:
        return (("day", self.day), ("month", self.month), ("total", 0))


def moment_of(at_us: int) -> Moment:
    """The periods of a time in microseconds since 1970."""
    day = at_us // DAY_US
    date = datetime.fromtimestamp(day * 86_400, UTC)
    return Moment(day, date.year * 12 + date.month - 1)
