"""The merge of replay is the store's own: tests/conformance holds MemoryRowStore to Cassandra, this replay to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.conversations.table import CONVERSATIONS
from projections.messages.table import MESSAGE_PLACES, MESSAGES
from projections.replay.merged import Layer, Source, compacted, merged
from projections.replay.ring import Span
from projections.replay.runs import Entry
from projections.replay.spool import ScratchError, Spool
from projections.rows import Erase, Put, RowChange
from tests.fakes.row_store import MemoryRowStore

TABLES = (CONVERSATIONS, MESSAGES, MESSAGE_PLACES)
_ids = st.sampled_from(("a", "b", "c"))
_timestamps = st.integers(0, 4)
_texts = st.sampled_from(("", "x", "y", "ÿ", "\U0001f469"))
_numbers = st.integers(0, 3)

changes = st.lists(
    st.one_of(
        st.builds(
            lambda key, title, changed, at: Put(CONVERSATIONS, (key,), {"title": title, "changed": changed}, at),
            _ids, _texts, _numbers, _timestamps,
        ),
        st.builds(lambda key, text, at: Put(CONVERSATIONS, (key,), {"title": text}, at), _ids, _texts, _timestamps),
        st.builds(lambda key, at: Erase(CONVERSATIONS, (key,), at), _ids, _timestamps),
        st.builds(
            lambda key, cause, text, at: Put(MESSAGES, (key, cause), {"content": text}, at),
            _ids, _numbers, _texts, _timestamps,
        ),
        st.builds(lambda key, at: Erase(MESSAGES, (key,), at), _ids, _timestamps),
        st.builds(lambda a, b, at: Put(MESSAGE_PLACES, (a, b), {"ended": True}, at), _ids, _ids, _timestamps),
    ),
    max_size=25,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@settings(max_examples=30)
@given(changes, st.sets(st.integers(0, 25)))
def test_a_spool_holds_what_the_store_would(folder: Path, writes: list[RowChange], saves: set[int]) -> None:
    store = MemoryRowStore()
    spool = Spool(folder, TABLES, Span(), "test")
    spool.forget()
    for number, change in enumerate(writes):
        store.apply(1, change)
        spool.add([change], Source("t", 0, number))
        if number in saves:
            spool.save()
    spool.save()
    kept = store.cells()
    for table in TABLES:
        rows = list(spool.rows(table))
        found = {
            key: {column: (cell.timestamp, cell.value) for column, cell in cells.items()} for _, key, cells in rows
        }
        assert found == kept.get(f"{table.name}_v1", {})
        assert [at for at, _, _ in rows] == sorted(at for at, _, _ in rows)
    spool.close()


@given(st.lists(st.tuples(_timestamps, st.dictionaries(_ids, _texts)), max_size=12), st.integers(0, 12), _timestamps)
def test_compacting_changes_nothing_that_comes_out(
    writes: list[tuple[int, dict[str, Any]]], split: int, erased: int
) -> None:
    layers = [Layer(at, Source("t", 0, number), cells) for number, (at, cells) in enumerate(writes)]
    whole = merged(layers, erased)
    parts = merged(compacted(layers[:split]) + layers[split:], erased)
    assert {c: v[:2] for c, v in parts.items()} == {c: v[:2] for c, v in whole.items()}


def test_two_spools_do_not_share_a_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", TABLES, Span(), "test")
    with pytest.raises(ScratchError, match="another run is using "):
        Spool(tmp_path / "s", TABLES, Span(), "test")
    spool.discard()
    Spool(tmp_path / "s", TABLES, Span(), "test").discard()
    assert list(tmp_path.iterdir()) == []


def test_negative_numbers_are_greater_as_bytes_are_compared() -> None:
    one, other = (Layer(1, Source("t", 0, n), {"n": value}) for n, value in enumerate((-1, 5)))
    assert merged([one, other])["n"].value == merged([other, one])["n"].value == -1


def test_an_entry_sorts_before_the_rows_of_its_partition() -> None:
    partition, row = Entry((7, ("a",)), 1, None, []), Entry((7, ("a", -5)), -1, None, [])
    assert sorted([row, partition], key=lambda entry: entry.at) == [partition, row]
