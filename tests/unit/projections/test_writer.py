from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from projections.conversations.table import CONVERSATIONS
from projections.rows import Put, partition_of, size_of
from projections.writer import MAX_JOINED_BYTES, MAX_JOINED_PARTITIONS, Versioned, joined


@given(st.lists(st.lists(st.integers(0, 3000), min_size=1, max_size=4), max_size=40))
def test_joining_keeps_every_change_partitions_whole_and_batches_small(sizes: list[list[int]]) -> None:
    partitions: list[list[Versioned]] = [
        [(1, Put(CONVERSATIONS, (f"c{n}",), {"title": "x" * size}, place)) for place, size in enumerate(of_one)]
        for n, of_one in enumerate(sizes)
    ]
    requests = joined(partitions)
    assert sorted(id(c) for request in requests for _, c in request) == sorted(
        id(c) for of_one in partitions for _, c in of_one
    )
    seen: set[object] = set()
    for request in requests:
        keys = list(dict.fromkeys(partition_of(change) for _, change in request))
        assert not seen & set(keys)
        seen |= set(keys)
        for key in keys:
            own = [change.timestamp for _, change in request if partition_of(change) == key]
            assert own == sorted(own)
        if len(keys) > 1:
            assert sum(size_of(change) for _, change in request) <= MAX_JOINED_BYTES
            assert len(keys) <= MAX_JOINED_PARTITIONS


def test_a_few_small_partitions_are_one_request() -> None:
    small: list[list[Versioned]] = [[(1, Put(CONVERSATIONS, (f"c{n}",), {"title": "x"}, 1))] for n in range(8)]
    assert len(joined(small)) == 1
