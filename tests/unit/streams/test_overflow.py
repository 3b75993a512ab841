"""A user's backlog beyond a bound goes to the overflow lane, and the choice for a job never changes."""

from __future__ import annotations

from streams.conversation.overflow import MOST_OPEN, Backlogs

LATER_US = 1_000_000


def lanes(backlogs: Backlogs, user: str, count: int, first: int = 0, now_us: int = 0) -> list[str]:
    numbers = range(first, first + count)
    return [backlogs.lane(f"{user}{number}", user, now_us, LATER_US) for number in numbers]


def test_a_backlog_beyond_the_bound_overflows_and_delays_nobody_else() -> None:
    backlogs = Backlogs()
    assert lanes(backlogs, "a", MOST_OPEN + 3) == [""] * MOST_OPEN + ["overflow"] * 3
    assert lanes(backlogs, "b", 2) == ["", ""]


def test_what_has_ended_makes_room() -> None:
    backlogs = Backlogs(2)
    assert lanes(backlogs, "a", 3) == ["", "", "overflow"]
    backlogs.ended("a0")
    assert lanes(backlogs, "a", 2, first=3) == ["", "overflow"]
    backlogs.ended("a2")  # it was in the overflow lane: the first one has no more room for that
    assert lanes(backlogs, "a", 1, first=5) == ["overflow"]


def test_what_is_past_its_deadline_has_ended() -> None:
    backlogs = Backlogs(1)
    assert lanes(backlogs, "a", 2) == ["", "overflow"]
    assert lanes(backlogs, "a", 1, first=2, now_us=LATER_US) == [""]


def test_a_job_that_is_written_again_goes_where_it_went_before() -> None:
    backlogs = Backlogs(1)
    assert lanes(backlogs, "a", 2) == ["", "overflow"]
    backlogs.ended("a0")
    assert lanes(backlogs, "a", 2) == ["", "overflow"]


def test_an_end_of_another_agents_job_is_passed_over() -> None:
    backlogs = Backlogs()
    backlogs.ended("unknown")
    assert lanes(backlogs, "a", 1) == [""]
