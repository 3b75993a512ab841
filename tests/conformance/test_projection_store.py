"""One suite for the store of rows: in memory, which the unit tests trust, and in the real Cassandra."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.cassandra.session import CassandraSession
from projections.conversations.table import CONVERSATIONS
from projections.messages.table import MESSAGES
from projections.order import AFTER_ERASURE, ERASED
from projections.registry import PROJECTIONS, fold_all
from projections.registry import TOPICS as PROJECTED
from projections.rows import Erase, Put, RowChange, Unprojectable
from projections.writer import MAX_BATCH_BYTES, RowWriter
from schemas.envelope import Position
from tests.fakes.cassandra_rows import dump, own_keyspace
from tests.fakes.projection_logs import TOPICS, Placed, logs, renamed
from tests.fakes.row_store import Dump, MemoryRowStore
from tests.record_strategies import records

pytestmark = pytest.mark.timeout(300)


class RowStore(Protocol):
    async def write(self, changes: list[tuple[int, RowChange]]) -> None: ...
    async def dump(self) -> Dump: ...


@dataclass
class CassandraRowStore:
    writer: RowWriter
    session: CassandraSession
    keyspace: str

    async def write(self, changes: list[tuple[int, RowChange]]) -> None:
        await self.writer.write(changes)

    async def dump(self) -> Dump:
        return await dump(self.session, self.keyspace)


@dataclass
class Bench:
    """A store with a loop of its own, since hypothesis runs plain functions."""

    store: RowStore
    run: Callable[[Any], Any]

    def write(self, *changes: RowChange) -> None:
        self.run(self.store.write([(1, change) for change in changes]))

    def dump(self) -> Dump:
        rows: Dump = self.run(self.store.dump())
        return rows


STORES = [
    "memory",
    pytest.param("cassandra", marks=pytest.mark.stack),
    pytest.param("cassandra, partitions apart", marks=pytest.mark.stack),
]


@pytest.fixture(scope="module", params=STORES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        if request.param == "memory":
            yield Bench(MemoryRowStore(), runner.run)
            return
        keyspace = own_keyspace(request.getfixturevalue("servers"))
        own, session = runner.run(keyspace.__aenter__())
        name = own.cassandra.keyspace
        yield Bench(
            CassandraRowStore(RowWriter(session, name, join=request.param == "cassandra"), session, name), runner.run
        )
        runner.run(keyspace.__aexit__(None, None, None))


_numbers = itertools.count()


@pytest.fixture
def key() -> str:
    """An id that no other test uses."""
    return f"k{next(_numbers)}"


def cells(bench: Bench, key: str) -> dict[str, Any] | None:
    return bench.dump().get("conversations_v1", {}).get((key,))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_greatest_timestamp_stays_whatever_the_order(bench: Bench, key: str, order: tuple[int, ...]) -> None:
    writes = [Put(CONVERSATIONS, (key,), {"title": f"t{n}", "changed": 10 - n}, n) for n in range(3)]
    for n in order:
        bench.write(writes[n])
    assert cells(bench, key) == {"title": "t2", "changed": 8}


def test_cells_of_a_row_are_kept_apart(bench: Bench, key: str) -> None:
    bench.write(Put(CONVERSATIONS, (key,), {"title": "new", "user_id": "ada"}, 9))
    bench.write(Put(CONVERSATIONS, (key,), {"title": "old", "model": "m"}, 5))
    assert cells(bench, key) == {"title": "new", "user_id": "ada", "model": "m"}


def test_of_two_values_under_one_timestamp_the_greater_stays(bench: Bench, key: str) -> None:
    for title in ("aa", "zz", "mm"):
        bench.write(Put(CONVERSATIONS, (key,), {"title": title}, 4))
    assert cells(bench, key) == {"title": "zz"}


def test_an_erasure_takes_what_comes_late_too_but_not_what_stands_above_it(bench: Bench, key: str) -> None:
    bench.write(Put(CONVERSATIONS, (key,), {"title": "before"}, 7))
    bench.write(Erase(CONVERSATIONS, (key,), ERASED), Put(CONVERSATIONS, (key,), {"deleted": True}, AFTER_ERASURE))
    bench.write(Put(CONVERSATIONS, (key,), {"title": "late"}, 8), Put(CONVERSATIONS, (key,), {"model": "m"}, ERASED))
    assert cells(bench, key) == {"deleted": True}


def test_an_erasure_takes_all_rows_of_its_partition_alone(bench: Bench, key: str) -> None:
    other = f"{key}-other"
    bench.write(*[Put(MESSAGES, (name, n), {"content": "x"}, 5) for name in (key, other) for n in range(3)])
    bench.write(Erase(MESSAGES, (key,), ERASED))
    found = {row for row in bench.dump()["messages_v1"] if row[0] in (key, other)}
    assert found == {(other, 0), (other, 1), (other, 2)}


def test_more_than_a_batch_may_hold_is_written_all_the_same(bench: Bench, key: str) -> None:
    big = "x" * (MAX_BATCH_BYTES // 3)
    puts: list[RowChange] = [Put(MESSAGES, (key, n), {"content": big}, n) for n in range(10)]
    puts += [Put(MESSAGES, (key, n), {"content": "small"}, n) for n in range(10, 500)]
    bench.write(*puts)
    rows = {row[1]: values for row, values in bench.dump()["messages_v1"].items() if row[0] == key}
    assert len(rows) == 500
    assert all(rows[n]["content"] == big for n in range(10))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(logs(), st.data())
def test_a_shuffled_log_with_repeats_ends_in_the_rows_of_the_plain_one(
    bench: Bench, log: list[Placed], data: st.DataObject
) -> None:
    log = renamed(log, f"x{next(_numbers)}-")
    repeats = data.draw(st.lists(st.sampled_from(log), max_size=5))
    delivered = data.draw(st.permutations(log + repeats))
    cut = data.draw(st.integers(0, len(delivered)))
    plain = MemoryRowStore()
    for placed in log:
        for version, change in changes_of(placed):
            plain.apply(version, change)
    for batch in (delivered[:cut], delivered[cut:]):
        bench.run(bench.store.write([change for placed in batch for change in changes_of(placed)]))
    expected: Dump = asyncio.run(plain.dump())
    there = bench.dump()
    for table, rows in expected.items():
        assert {key: there[table].get(key) for key in rows} == rows


ANY_RECORD = st.one_of(
    [
        st.tuples(st.just(topic), st.one_of([records(record_type) for record_type in TOPICS[topic].record_types]))
        for topic in PROJECTED
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ANY_RECORD, min_size=1, max_size=6))
def test_whatever_decodes_is_stored_or_told_apart_before_the_store_sees_it(
    bench: Bench, said: list[tuple[str, Any]]
) -> None:
    changes: list[tuple[int, RowChange]] = []
    for topic, record in said:
        with contextlib.suppress(Unprojectable):
            changes += changes_of(Placed(topic, Position(0, 0, next(_numbers)), record))
    bench.run(bench.store.write(changes))


def changes_of(placed: Placed) -> list[tuple[int, RowChange]]:
    return fold_all(tuple(p for p in PROJECTIONS if placed.topic in p.topics), placed.record, placed.position)
