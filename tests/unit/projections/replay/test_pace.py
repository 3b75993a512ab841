from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

import projections.replay.pace as module
from projections.replay.pace import GENTLE_ROWS_S, LONGEST_SLEEP_S, LOOK_EVERY_S, Allowance, Pace, Rests
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.cuts import TopicPartition

PLACE = (CONVERSATION_EVENTS, 0)
PARTITIONS: Mapping[str, int] = {CONVERSATION_EVENTS: 1, TOKEN_CHUNKS: 1, "something-else": 4}


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        monkeypatch.setattr(module, "monotonic_s", lambda: self.now_s)


def test_it_goes_gently_while_answers_are_streamed_and_until_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    end: dict[TopicPartition, int] = {PLACE: 7, (TOKEN_CHUNKS, 0): 50}
    asked: list[Mapping[str, int]] = []

    def ends(topics: Mapping[str, int]) -> dict[TopicPartition, int]:
        asked.append(topics)
        return dict(end)

    pace = Pace(ends, PARTITIONS, {PLACE: 5}, None)
    assert pace.rate == GENTLE_ROWS_S
    pace.look()
    assert (pace.rate, pace.lag) == (GENTLE_ROWS_S, 2)
    pace.look()
    assert asked == [{CONVERSATION_EVENTS: 1, TOKEN_CHUNKS: 1}]
    clock.now_s += LOOK_EVERY_S
    pace.look()
    rates = [pace.rate]
    end[TOKEN_CHUNKS, 0] = 51
    clock.now_s += LOOK_EVERY_S
    pace.look()
    assert [*rates, pace.rate] == [None, GENTLE_ROWS_S]
    operators = Pace(ends, PARTITIONS, {PLACE: 5}, 12)
    operators.look()
    assert operators.rate == 12


def test_an_allowance_spreads_rows_evenly_and_lets_nobody_catch_up_for_long() -> None:
    allowance = Allowance()
    assert allowance.wait_s(50.0) == 0
    allowance.spend(100, 1000, 50.0)
    allowance.spend(100, 1000, 50.0)
    assert allowance.wait_s(50.0) == pytest.approx(0.1)
    allowance.spend(100, 1000, 60.0)
    assert allowance.wait_s(60.0) == pytest.approx(0)
    allowance.spend(500, 1000, 60.0)
    assert allowance.wait_s(60.2) == pytest.approx(0.3)
    allowance.spend(500, None, 60.2)
    assert allowance.wait_s(60.2) == 0


async def test_a_reader_rests_while_answers_are_streamed_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now_s += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    end: dict[TopicPartition, int] = {PLACE: 7, (TOKEN_CHUNKS, 0): 50}
    rests = Rests(Pace(lambda topics: dict(end), PARTITIONS, {PLACE: 5}, None))
    checked: list[None] = []
    await rests.after(GENTLE_ROWS_S, lambda: checked.append(None))
    assert sum(slept) == pytest.approx(0.9)
    assert max(slept) <= LONGEST_SLEEP_S
    assert len(checked) == len(slept) == 2

    class Asked(Exception):
        """Somebody wants it to end."""

    def stop() -> None:
        raise Asked

    with pytest.raises(Asked):
        await rests.after(GENTLE_ROWS_S * 100, stop)
    clock.now_s += LOOK_EVERY_S
    slept.clear()
    await rests.after(GENTLE_ROWS_S, stop)
    assert slept == []
