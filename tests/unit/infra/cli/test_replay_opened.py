"""A moment of the past as a user writes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cassandra.errors import StoreUnavailable
from infra.cli.replay.opened import age_of, log_errors, parse_moment
from infra.cli.terminal import UserError
from schemas.codec import NewerRecord
from topics.cuts import BadCut, Cut
from topics.errors import OutOfRange
from topics.log import Log

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
TOPICS = {"usage-records": 2}


class TimeLog:
    """A log in which the cut of a time is the time itself."""

    def topics(self) -> dict[str, int]:
        return {"usage-records": 2, "account-events": 1}

    def held(self, topics: Mapping[str, int]) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        places = [(topic, n) for topic, partitions in topics.items() for n in range(partitions)]
        return dict.fromkeys(places, 10), dict.fromkeys(places, 99)

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[tuple[str, int], int]:
        return dict.fromkeys(self.held(topics)[0], at_ms)


def moment(text: str) -> Cut:
    return parse_moment(text, cast(Log, TimeLog()), TOPICS, NOW)


def both(offset: int) -> Cut:
    return {("usage-records", 0): offset, ("usage-records", 1): offset}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("now", both(99)),
        ("end", both(99)),
        ("10m", both(NOW_MS - 600_000)),
        ("10m ago", both(NOW_MS - 600_000)),
        ("500ms", both(NOW_MS - 500)),
        ("2d ago", both(NOW_MS - 2 * 86_400_000)),
        ("0s", both(NOW_MS)),
        ("2026-11-21T08:29:59", both(NOW_MS - 1000)),
        ("2026-11-21T08:30", both(NOW_MS)),
        ("2026-11-21T09:30+01:00", both(NOW_MS)),
        ("2026-11-21", both(NOW_MS - (8 * 60 + 30) * 60_000)),
        ("1960-01-01", both(0)),
        ("usage-records:0=10,usage-records:1=99", {("usage-records", 0): 10, ("usage-records", 1): 99}),
        ("usage-records:1=50", {("usage-records", 1): 50}),
        ("usage-records:1=50, account-events:0=12", {("usage-records", 1): 50}),
    ],
)
def test_a_moment_is_a_cut(text: str, cut: Cut) -> None:
    assert moment(text) == cut


@pytest.mark.parametrize("text", ["2026-11-21T08:30:01", "2027-01-01", "2026-11-21T09:30"])
def test_what_has_not_come_yet_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is in the future: the clock of this machine says 2026-11-21T08:30:00 UTC"):
        moment(text)


@pytest.mark.parametrize("text", ["", "yesterday", "10", "10 m", "-10m", "9999999999d", "2026-13-01", "999999999d"])
def test_what_is_no_moment_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError, match="is not a moment: use now, 2026-11-21T08:30"):
        moment(text)


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        moment(text)
    except (UserError, BadCut) as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("usage-records:0=100", "beyond the end, which is 99"),
        ("usage-records:0=9", "below 10"),
        ("account-events:0=100", "beyond the end"),
        ("nothing:0=1", "the log has no nothing:0"),
        ("usage-records:0=x", "not part of a cut"),
    ],
)
def test_a_cut_that_the_log_does_not_hold_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadCut, match=said):
        moment(text)


def test_ages() -> None:
    assert age_of("30d") == timedelta(days=30)
    assert age_of("30 days") is None


def test_a_newer_record_without_which_nothing_can_be_told_is_one_line_too() -> None:
    error = NewerRecord(45)
    error.add_note("token-chunks:0@7")
    with pytest.raises(UserError) as said, log_errors():
        raise error
    assert str(said.value) == "token-chunks:0@7: this record was written by a newer release (schema id 45): upgrade"


@pytest.mark.parametrize("error", [OutOfRange("t", 0, 5, 6, 9), BadCut("no cut"), StoreUnavailable("away")])
def test_what_log_and_tables_refuse_is_one_line_for_the_user(error: Any) -> None:
    with pytest.raises(UserError, match=str(error).replace("[", r"\[")), log_errors():
        raise error
    with pytest.raises(ZeroDivisionError), log_errors():
        raise ZeroDivisionError
