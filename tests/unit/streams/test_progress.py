"""A consumer is stuck when there is work and nothing moves; never when there is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.progress import Progress, Stuck

HERE = ("topic", 0)


def look(stuck: Stuck, progress: Progress, now_s: float, busy: bool = False) -> list[str]:
    return stuck.look({HERE: progress}, busy, now_s)


def test_unread_records_that_stay_unread_are_complained_of() -> None:
    stuck = Stuck(30)
    behind = Progress(end=10, read=5, acknowledged=5, committed=5)
    assert look(stuck, behind, 0) == []
    assert look(stuck, behind, 30) == []
    assert look(stuck, behind, 31) == ["topic[0]: read to 5 of 10"]


def test_a_busy_handler_is_no_stuck_consumer() -> None:
    stuck = Stuck(30)
    behind = Progress(end=10, read=5, acknowledged=5, committed=5)
    for now_s in range(0, 100, 5):
        assert look(stuck, behind, now_s, busy=True) == []


def test_commits_that_do_not_follow_are_complained_of_also_when_busy() -> None:
    stuck = Stuck(30)
    uncommitted = Progress(end=10, read=10, acknowledged=10, committed=9)
    assert look(stuck, uncommitted, 0, busy=True) == []
    assert look(stuck, uncommitted, 31, busy=True) == ["topic[0]: commits do not follow"]


def test_a_partition_that_came_to_us_begins_anew() -> None:
    stuck = Stuck(30)
    behind = Progress(end=10, read=5, acknowledged=5, committed=5)
    look(stuck, behind, 0)
    assert stuck.look({}, False, 20) == []
    assert look(stuck, behind, 40) == []
    assert look(stuck, behind, 71) != []


def test_progress_after_a_long_quiet_time_counts_from_when_there_was_work() -> None:
    stuck = Stuck(30)
    for now_s in range(0, 1000, 5):
        assert look(stuck, Progress(5, 5, 5, 5), now_s) == []
    assert look(stuck, Progress(6, 5, 5, 5), 1000) == []
    assert look(stuck, Progress(6, 6, 6, 6), 1005) == []


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_whoever_moves_at_every_look_is_never_stuck(steps: list[int]) -> None:
    stuck = Stuck(10)
    read = 0
    for number, step in enumerate(steps):
        read += step + 1
        assert look(stuck, Progress(read + 100, read, read, read), number * 9.0) == []
