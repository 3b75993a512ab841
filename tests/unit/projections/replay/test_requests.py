from __future__ import annotations

import struct
from typing import Any

from cassandra.cqltypes import BooleanType, BytesType, Int32Type, LongType, UTF8Type
from hypothesis import given
from hypothesis import strategies as st

from projections.messages.table import MESSAGES
from projections.registry import PROJECTIONS, fold_all
from projections.replay.encoding import Encoded, encoded, routing_of, shape_of, statement
from projections.replay.requests import MAX_JOINED_BYTES, MAX_JOINED_PARTITIONS, Partition, lasting, requests_of
from projections.rows import Erase, Put, Table
from projections.usage.table import USAGE
from projections.writer import MAX_BATCH_BYTES, MAX_BATCH_CHANGES
from tests.fakes.projection_logs import Placed, logs
from tests.fakes.row_store import MemoryRowStore

DRIVER = {"text": UTF8Type, "bigint": LongType, "int": Int32Type, "boolean": BooleanType, "blob": BytesType}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=20),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "boolean": st.booleans(),
    "blob": st.binary(max_size=20),
}
TIMESTAMPS = st.integers(0, 2**62)


@st.composite
def puts(draw: st.DrawFn, table: Table) -> Put:
    kinds = table.columns
    key = tuple(draw(VALUES[kinds[column]]) for column in table.key)
    columns = draw(st.lists(st.sampled_from(sorted(table.cells)), unique=True, min_size=1))
    return Put(table, key, {column: draw(VALUES[kinds[column]]) for column in columns}, draw(TIMESTAMPS))


@given(st.sampled_from((MESSAGES, USAGE)).flatmap(puts))
def test_values_are_what_the_driver_would_have_sent(put: Put) -> None:
    row = encoded(statement(b"id", shape_of(1, put)), put)
    kinds = put.table.columns
    named = [(kinds[c], v) for c, v in zip((*put.table.key, *put.cells), (*put.key, *put.cells.values()), strict=True)]
    assert row.values == [DRIVER[kind].serialize(value, 4) for kind, value in [*named, ("bigint", put.timestamp)]]
    assert row.size > sum(map(len, row.values))
    width = len(put.table.partition_key)
    assert routing_of(put, row) == tuple(row.values[:width])


def test_an_erasure_names_its_time_and_then_its_partition() -> None:
    erase = Erase(MESSAGES, ("c",), 7)
    row = encoded(statement(b"id", shape_of(3, erase)), erase)
    assert row.values == [struct.pack(">q", 7), b"c"]
    assert routing_of(erase, row) == (b"c",)


@given(st.lists(st.lists(st.integers(0, 30_000), min_size=1, max_size=6), max_size=40), st.booleans())
def test_requests_hold_every_change_once_partitions_in_order_and_stay_small(sizes: list[list[int]], join: bool) -> None:
    names = [
        [Encoded(f"{nth}/{place}".encode(), [], size) for place, size in enumerate(of_one)]
        for nth, of_one in enumerate(sizes)
    ]
    partitions = [Partition((f"{nth}".encode(),), changes) for nth, changes in enumerate(names)]
    requests = list(requests_of(partitions, join=join))
    size_of = {change.query_id: change.size for changes in names for change in changes}
    sent = [query_id for request in requests for _, query_id, _ in request.rows]
    assert sorted(sent) == sorted(size_of)
    for changes in names:
        own = [query_id for query_id in sent if query_id in {change.query_id for change in changes}]
        assert own == [change.query_id for change in changes]
    for request in requests:
        assert request.size == sum(size_of[query_id] for _, query_id, _ in request.rows)
        assert len(request.rows) == 1 or request.size <= MAX_BATCH_BYTES
        assert len(request.rows) <= MAX_BATCH_CHANGES
        keys = list(dict.fromkeys(query_id.partition(b"/")[0] for _, query_id, _ in request.rows))
        assert request.routing == (keys[0],)
        if len(keys) > 1:
            assert join
            assert request.size <= MAX_JOINED_BYTES
            assert len(keys) <= MAX_JOINED_PARTITIONS


@given(logs(), st.data())
def test_changes_that_leave_no_trace_are_left_out_and_only_those(log: list[Placed], data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(log), max_size=5))
    delivered = data.draw(st.permutations(log + repeats))
    changes = [
        change
        for placed in delivered
        for change in fold_all(
            tuple(p for p in PROJECTIONS if placed.topic in p.topics), placed.record, placed.position
        )
    ]
    plain, spared = MemoryRowStore(), MemoryRowStore()
    for version, change in changes:
        plain.apply(version, change)
    left = list(lasting(changes))
    for (_, version, _), change in left:
        spared.apply(version, change)
    assert spared._cells == plain._cells
    assert spared._erased == plain._erased
    assert len(left) <= len(changes)
