"""What leaves when: at once when calm, together when busy, never later than the limit."""

from __future__ import annotations

from inference_workers.coalescing import MAX_BURSTS, Gathered, Pipe


def test_the_first_leaves_at_once() -> None:
    pipe = Pipe(0.025)
    assert pipe.arrived(1.0)
    assert pipe.due_s() == 1.025
    pipe.sent(1)
    assert pipe.due_s() is None


def test_while_bursts_are_under_way_the_rest_waits_for_one_to_be_acknowledged() -> None:
    pipe = Pipe(0.025)
    for _ in range(MAX_BURSTS):
        assert pipe.arrived(1.0)
        pipe.sent(3)
    assert not pipe.arrived(1.001)
    assert not pipe.arrived(1.002)
    assert pipe.due_s() == 1.001 + 0.025  # from the first that waits
    assert pipe.burst_acknowledged()
    pipe.sent(2)
    assert not pipe.burst_acknowledged()  # nothing waits


def test_an_empty_burst_is_none() -> None:
    pipe = Pipe(0.025)
    for _ in range(10):
        assert pipe.arrived(1.0)
        pipe.sent(0)


def test_text_gathers_into_one_record() -> None:
    gathered = Gathered()
    assert not gathered
    gathered.put("a", 1)
    gathered.put("b", 2)
    assert gathered
    assert gathered.take() == ("ab", 3)
    assert not gathered
    gathered.put("c", 1)
    assert gathered.take() == ("c", 1)
