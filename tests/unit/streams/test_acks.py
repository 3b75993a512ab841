"""Acknowledgements leave in order, once, and never for an assignment that is over."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from streams.faust.acks import OrderedAcks


@given(st.data(), st.lists(st.integers(0, 2), max_size=40))
def test_whatever_order_work_finishes_in_acknowledgements_are_contiguous(
    data: st.DataObject, partitions: list[int]
) -> None:
    acknowledged: list[tuple[int, int]] = []
    acks: OrderedAcks[tuple[int, int]] = OrderedAcks(acknowledged.append)
    opened: list[tuple[tuple[int, int], Callable[[], None]]] = []
    for number, partition in enumerate(partitions):
        opened.append(((partition, number), acks.opened(partition, 1, (partition, number))))
    finished: set[tuple[int, int]] = set()
    for item, finish in data.draw(st.permutations(opened)):
        finish()
        finish()
        finished.add(item)
        for partition in range(3):
            mine = [item for item, _ in opened if item[0] == partition]
            prefix = next((i for i, item in enumerate(mine) if item not in finished), len(mine))
            assert [item for item in acknowledged if item[0] == partition] == mine[:prefix]
    assert acks.unfinished() == 0


def test_what_an_earlier_assignment_began_is_never_acknowledged() -> None:
    acknowledged: list[str] = []
    acks: OrderedAcks[str] = OrderedAcks(acknowledged.append)
    old = acks.opened("p", 1, "old")
    also_old = acks.opened("p", 1, "also old")
    new = acks.opened("p", 2, "new")
    also_old()
    old()
    assert acknowledged == []
    new()
    assert acknowledged == ["new"]


def test_the_first_unfinished_item_holds_all_later_ones() -> None:
    acknowledged: list[int] = []
    acks: OrderedAcks[int] = OrderedAcks(acknowledged.append)
    finishes = [acks.opened("p", 1, number) for number in range(4)]
    for finish in finishes[1:]:
        finish()
    assert (acknowledged, acks.unfinished()) == ([], 4)
    finishes[0]()
    assert acknowledged == [0, 1, 2, 3]
