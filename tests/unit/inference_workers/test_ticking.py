"""Whether text waits for a tick: never for one stream or a few, never longer, and not once the load is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_workers.ticking import (
    BEGINS_AT,
    ENDS_BELOW,
    MAX_TICK_S,
    MIN_SPEAKERS,
    QUICK_FROM,
    QUICK_UNTIL,
    WINDOW_S,
    Tempo,
)


class Load:
    """Streams that say something so many times a second each, one burst for each."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.tempo = Tempo(self.now_s)
        self.changes = 0
        self.tokens = 0

    def of(
        self, streams: int, records_a_second: float, seconds: float = 3 * WINDOW_S, *, tokens_a_record: int = 1
    ) -> float:
        """The tick after this."""
        until_s = self.now_s + seconds
        number = 0
        while self.now_s < until_s:
            self.now_s += 1 / records_a_second
            number += 1
            self.tokens += tokens_a_record
            self.changes += self.tempo.left([f"stream {number % streams}"], self.tokens, streams, self.now_s)
        return self.tempo.tick_s


def test_one_stream_leaves_at_once_however_fast_it_is() -> None:
    assert Load().of(1, 50) == 0
    assert Load().of(1, 10_000) == 0
    assert Load().of(MIN_SPEAKERS - 1, 10_000) == 0


def test_few_words_leave_at_once_however_many_streams_there_are() -> None:
    assert Load().of(100, BEGINS_AT / MAX_TICK_S * 0.9) == 0


def test_many_streams_wait_for_a_tick() -> None:
    assert Load().of(16, 16 * 50) == MAX_TICK_S
    assert Load().of(100, 100 * 50) == MAX_TICK_S


def test_a_load_between_the_limits_changes_nothing() -> None:
    between = (BEGINS_AT + ENDS_BELOW) / 2 / MAX_TICK_S
    load = Load()
    assert load.of(16, between) == 0
    assert load.of(16, 800) == MAX_TICK_S
    assert load.of(16, between) == MAX_TICK_S
    assert load.of(16, ENDS_BELOW / MAX_TICK_S * 0.9) == 0
    assert load.changes == 2


def test_the_first_word_after_a_pause_is_not_held_up_by_the_load_before_it() -> None:
    load = Load()
    assert load.of(16, 800) == MAX_TICK_S
    load.now_s += 60
    assert load.tempo.left(["stream 1"], load.tokens, 1, load.now_s)
    assert load.tempo.tick_s == 0


def test_streams_that_fill_their_records_by_themselves_wait_for_nothing() -> None:
    load = Load()
    assert load.of(16, 16 * 100, tokens_a_record=round(QUICK_FROM / 100) + 1) == 0
    between = round((QUICK_FROM + QUICK_UNTIL) / 2)
    assert load.of(16, 16 * between) == 0, "near the limit nothing changes"
    assert load.of(16, 16 * 50, tokens_a_record=2) == MAX_TICK_S
    assert load.of(16, 16 * between) == MAX_TICK_S
    assert load.of(16, 16 * 50, tokens_a_record=round(QUICK_FROM / 50) + 2) == 0


@given(st.floats(0, 1e9))
def test_a_tick_is_near(now_s: float) -> None:
    load = Load()
    assert load.tempo.next_s(now_s) == now_s
    load.of(16, 800)
    assert now_s <= load.tempo.next_s(now_s) <= now_s + MAX_TICK_S * 1.01
