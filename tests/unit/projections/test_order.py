from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.order import (
    AFTER_ERASURE,
    ERASED,
    ImpossiblePosition,
    first_wins,
    last_wins,
    order_key,
    place,
    position_of,
    turn_key,
)
from schemas.envelope import Position

positions = st.builds(Position, st.integers(0, 4095), st.integers(0, 3), st.integers(0, 2**40 - 1))


@given(positions, positions)
def test_newer_positions_win_where_the_last_wins_and_lose_where_the_first_does(one: Position, other: Position) -> None:
    if order_key(one) < order_key(other):
        assert last_wins(one, 255) < last_wins(other, 0)
        assert first_wins(one, 255) > first_wins(other, 0)


@given(positions)
def test_the_bands_lie_one_above_the_other_and_fit_a_timestamp(position: Position) -> None:
    assert 0 <= last_wins(position, 255) < first_wins(position, 255) < ERASED < AFTER_ERASURE < 2**63


@given(positions)
def test_a_key_tells_its_place(position: Position) -> None:
    assert place(order_key(position)) == (position.epoch, position.offset)


@given(positions, positions, st.integers(0, 7), st.integers(0, 7))
def test_rows_sort_by_choice_and_then_by_place_and_tell_their_place(
    one: Position, other: Position, choice: int, another: int
) -> None:
    assert turn_key(one, 0) == order_key(one)
    assert place(turn_key(one, choice)) == (one.epoch, one.offset)
    assert 0 <= turn_key(one, choice) < 2**62
    expected = (choice, order_key(one)) < (another, order_key(other))
    assert (turn_key(one, choice) < turn_key(other, another)) == expected


@pytest.mark.parametrize("choice", [-1, 256])
def test_impossible_choices_are_refused(choice: int) -> None:
    with pytest.raises(ImpossiblePosition):
        turn_key(Position(0, 0, 1), choice)


@given(positions, st.integers(0, 255))
def test_a_timestamp_tells_its_place(position: Position, nth: int) -> None:
    expected = (position.epoch, position.offset)
    assert position_of(last_wins(position, nth)) == position_of(first_wins(position, nth)) == expected


@pytest.mark.parametrize("timestamp", [ERASED, AFTER_ERASURE, 1 << 60, -1, 2**63 - 1])
def test_a_timestamp_of_no_place_is_known_for_it(timestamp: int) -> None:
    assert position_of(timestamp) is None


@pytest.mark.parametrize(
    "position", [Position(-1, 0, 0), Position(4096, 0, 0), Position(0, 0, -1), Position(0, 0, 2**40)]
)
def test_impossible_positions_are_refused(position: Position) -> None:
    with pytest.raises(ImpossiblePosition):
        order_key(position)
