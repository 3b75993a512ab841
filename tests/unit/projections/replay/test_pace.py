from __future__ import annotations

from collections.abc import Mapping

import pytest

import projections.replay.pace as module
from projections.replay.pace import GENTLE_ROWS_S, LOOK_EVERY_S, Pace
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.cuts import TopicPartition

PLACE = (CONVERSATION_EVENTS, 0)
PARTITIONS = {CONVERSATION_EVENTS: 1, TOKEN_CHUNKS: 1, "something-else": 4}


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
