"""Which buckets make up a span of time, and sums of their rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.usage_rollups import queries
from projections.usage_rollups.entries import DAY_US, EVERYONE, HOUR_US, PERIODS, TOTAL, Period, bucket, span_of
from projections.usage_rollups.queries import (
    Asked,
    Figures,
    Part,
    SumRow,
    TooManySums,
    cover,
    grouped,
    spans,
    sum_row,
    usage_sums,
)

MARCH, APRIL, MAY = 1_772_323_200_000_000, 1_775_001_600_000_000, 1_777_593_600_000_000
"""The first of March, April and May 2026."""
finest = st.sampled_from((*PERIODS, None))


@given(st.integers(0, 40_000), st.integers(1, 3000), finest, st.booleans())
def test_a_span_is_covered_once_by_whole_buckets(start: int, hours: int, told: Period | None, everyone: bool) -> None:
    if everyone:
        start, hours, told = start * 24, hours * 24, None if told == "hour" else told
    asked = Asked(EVERYONE if everyone else TOTAL, start * HOUR_US, (start + hours) * HOUR_US, told)
    parts = cover(asked)
    assert parts[0].since_us == asked.since_us
    assert parts[-1].until_us == asked.until_us
    for part, following in itertools.pairwise(parts):
        assert (part.until_us, part.period != following.period) == (following.since_us, True)
    for part in parts:
        assert part.since_us == bucket(part.since_us, part.period) < part.until_us == bucket(part.until_us, part.period)
        assert told is None or PERIODS.index(part.period) <= PERIODS.index(told)
        assert part.period != "hour" or not everyone
        found = {span_of(asked.scope, part.period, at) for at in range(part.since_us, part.until_us, HOUR_US)}
        assert set(spans(asked.scope, part)) == found


def test_months_stand_for_their_days_where_no_days_are_asked_for() -> None:
    asked = Asked(TOTAL, MARCH - DAY_US - HOUR_US, MAY + HOUR_US)
    assert cover(asked) == [
        Part("hour", MARCH - DAY_US - HOUR_US, MARCH - DAY_US),
        Part("day", MARCH - DAY_US, MARCH),
        Part("month", MARCH, MAY),
        Part("hour", MAY, MAY + HOUR_US),
    ]
    assert spans(TOTAL, Part("day", MARCH - DAY_US, MARCH)) == [2026]
    assert spans(EVERYONE, Part("month", MARCH, MAY)) == [202603, 202604]


def test_sums_are_told_by_what_is_named_and_currencies_apart() -> None:
    one = Figures(requests=1, billed_micros=5, rated_micros=7)
    rows = [
        SumRow(MARCH, "acme", "ada", "k1", "m", "plus", "USD", one),
        SumRow(MARCH + HOUR_US, "", "bob", "", "m", "plus", "USD", one),
        SumRow(APRIL, "acme", "ada", "k2", "m", "plus", "EUR", one),
    ]
    two = Figures(requests=2, billed_micros=10, rated_micros=14)
    assert grouped(rows, ()) == [SumRow(0, "", "", "", "", "", "EUR", one), SumRow(0, "", "", "", "", "", "USD", two)]
    assert [(row.at_us, row.user) for row in grouped(rows, ("month", "user"))] == [
        (APRIL, "ada"),
        (MARCH, "ada"),
        (MARCH, "bob"),
    ]
    assert [(row.organisation, row.figures.requests) for row in grouped(rows, ("organisation",))] == [
        ("", 1),
        ("acme", 1),
        ("acme", 1),
    ]


def test_whoever_pays_for_themselves_belongs_to_no_organisation() -> None:
    assert sum_row((MARCH, "ada", "ada", "-", "m", "plus", "USD", *[1] * 10)).organisation == ""
    row = sum_row((MARCH, "acme", "ada", "-", "m", "plus", "USD", *[1] * 9, None))
    assert (row.organisation, row.key, row.figures.rated_micros) == ("acme", "", 0)


class Full:
    """A table with as many rows of each place as are asked for."""

    async def select(self, projection: str, cql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(MARCH, "ada", "ada", "-", "m", "plus", "USD", *[1] * 10)] * min(parameters[-1], 4)


async def test_an_answer_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(EVERYONE, MARCH, MARCH + 3 * DAY_US, "day")
    assert len(await usage_sums(Full(), asked)) == 12  # type: ignore[arg-type]  # it reads
    monkeypatch.setattr(queries, "MAX_ROWS", 11)
    with pytest.raises(TooManySums, match="more than 11 sums"):
        await usage_sums(Full(), asked)  # type: ignore[arg-type]  # it reads
