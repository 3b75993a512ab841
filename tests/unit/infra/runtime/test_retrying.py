"""An operation is tried again, with growing pauses, until its time is over."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from infra.runtime.retrying import Retrying, growing


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def counted(name: str, operation: str) -> float | None:
    return REGISTRY.get_sample_value(f"verbatim_{name}_total", {"operation": operation})


@given(st.floats(0.001, 10), st.floats(1, 60), st.floats(1, 4))
def test_pauses_grow_up_to_the_longest(first_s: float, most_s: float, factor: float) -> None:
    pauses = list(islice(growing(first_s, most_s, factor), 50))
    assert pauses[0] == first_s
    for before, after in pairwise(pauses):
        assert after == min(before * factor, most_s)


def test_they_may_grow_without_end() -> None:
    assert list(islice(growing(0.25, math.inf), 4)) == [0.25, 0.5, 1.0, 2.0]


@given(st.lists(st.floats(0, 30), max_size=40), st.floats(0, 60))
def test_it_is_given_up_at_the_first_failure_after_its_time(gaps_s: list[float], give_up_s: float) -> None:
    clock = Clock()
    patience = Retrying("test", 0.1, 5.0, give_up_s, clock=clock).begin()
    for gap_s in gaps_s:
        clock.now_s += gap_s
        assert (patience.pause_s() is None) == (patience.waited_s > give_up_s)


async def test_what_succeeds_at_last_is_returned_and_each_failure_told() -> None:
    left = [ValueError("first"), KeyError("second")]
    told: list[tuple[str, float]] = []

    async def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    retrying = Retrying("test.success", 0.001, 0.0015, 60)
    found = await retrying.run(work, (ValueError, KeyError), lambda error, s: told.append((type(error).__name__, s)))
    assert (found, told) == ("done", [("ValueError", 0.001), ("KeyError", 0.0015)])
    assert (counted("retries", "test.success"), counted("given_up", "test.success")) == (2, 0)


async def test_the_last_failure_is_raised() -> None:
    clock = Clock()

    async def work() -> None:
        clock.now_s += 4
        raise ValueError(f"at {clock.now_s:g}")

    with pytest.raises(ValueError, match="at 112"):
        await Retrying("test.failure", 0, 0, 10, clock=clock).run(work, ValueError)
    assert (counted("retries", "test.failure"), counted("given_up", "test.failure")) == (2, 1)


async def test_what_is_not_waited_for_is_raised_at_once() -> None:
    calls: list[int] = []

    async def work() -> None:
        calls.append(1)
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await Retrying("test.bug", 0, 0, 10).run(work, ValueError)
    assert len(calls) == 1
