from __future__ import annotations

import random

from infra.crash_points import POINTS
from tests.faults.schedule import OURS, SERVERS, STREAM_CHILDREN, UNREACHED, Kind, child_of, schedule


def test_the_same_seed_gives_the_same_schedule_also_in_the_head_of_a_longer_run() -> None:
    assert schedule(7, 50) == schedule(7, 50)
    assert schedule(7, 200)[:50] == schedule(7, 50)
    assert schedule(7, 50) != schedule(8, 50)


def test_a_long_run_strikes_everything_in_every_way() -> None:
    faults = [fault for step in schedule(1, 2000) for fault in step.faults]
    kinds: set[Kind] = {fault.kind for fault in faults}
    assert len(kinds) == 11
    killed = {fault.target for fault in faults if fault.kind == "kill"}
    assert killed == {*OURS, *SERVERS}
    points = {fault.target.partition(":")[2] for fault in faults if fault.kind == "crash_point"}
    assert points == set(POINTS) - UNREACHED


def test_two_at_once_strike_different_processes_and_every_fault_is_bounded() -> None:
    steps = schedule(3, 2000)
    assert any(len(step.faults) == 2 for step in steps)
    for step in steps:
        assert 0 < step.delay_s < 3
        assert len({fault.target for fault in step.faults}) == len(step.faults)
        assert all(0 <= fault.duration_s <= 12 for fault in step.faults)


def test_only_the_wanted_kinds_are_drawn() -> None:
    drawn = {fault.kind for step in schedule(5, 300, ("kill", "skew")) for fault in step.faults}
    assert drawn == {"kill", "skew"}


def test_a_point_is_planted_in_a_process_that_passes_it() -> None:
    draw = random.Random(1)
    assert {child_of("worker.mid_stream", draw) for _ in range(50)} == {"worker-0", "worker-1"}
    assert {child_of("stream.before_commit", draw) for _ in range(100)} == set(STREAM_CHILDREN)
