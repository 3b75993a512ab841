"""An older definition is the newest one less its new columns, and queries get along with both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.generations.queries import COLUMNS, NEW_COLUMNS, row_of
from projections.messages.rows import NEW_TURN_COLUMNS, TURN_COLUMNS, TURN_SELECTION, TurnRow, said_row
from projections.order import turn_key
from projections.reading import names_in
from projections.registry import DEFINITIONS, Projection, newest
from projections.rows import Erase, Put, Table, narrowed, without
from projections.usage.queries import _row
from schemas.codec import set_write_level, write_level
from schemas.conversation import ChatMessage, Request
from schemas.envelope import Position
from schemas.price import Usage
from tests.fakes.projection_logs import Placed, logs
from tests.fakes.projection_records import outcome, prompt, turn_of

AT = Position(0, 0, 7)
OLDER = [p for p in DEFINITIONS if p.definition < newest(p.name).definition]


@pytest.mark.parametrize("older", OLDER, ids=lambda p: f"{p.name} {p.definition}")
@given(log=logs())
def test_an_older_definition_says_the_same_in_its_own_columns(older: Projection, log: list[Placed]) -> None:
    for placed in (placed for placed in log if placed.topic in older.topics):
        now, then = newest(older.name).fold(placed.record, AT), older.fold(placed.record, AT)
        assert [(c.key, c.timestamp, type(c)) for c in now] == [(c.key, c.timestamp, type(c)) for c in then]
        for new, old in zip(now, then, strict=True):
            assert old.table in older.tables
            if isinstance(new, Put) and isinstance(old, Put):
                assert old.cells == {name: value for name, value in new.cells.items() if name in old.table.cells}


def test_without_a_column_there_is_neither_the_column_nor_its_value() -> None:
    new = Table("t", {"k": "text"}, {"a": "int", "b": "int"})
    old, other = without(new, "b"), Table("u", {"k": "text"}, {"c": "int"})
    fold = narrowed(
        lambda record, at: (Put(new, ("x",), {"a": 1, "b": 2}, 3), Erase(new, ("x",), 4), record), (new, old)
    )
    unchanged = Put(other, ("x",), {"c": 1}, 5)
    assert fold(unchanged, AT) == (Put(old, ("x",), {"a": 1}, 3), Erase(old, ("x",), 4), unchanged)
    with pytest.raises(KeyError):
        without(new, "c")


@pytest.mark.parametrize(
    ("definition", "selected"),
    [(1, "a FROM k.usage_v3"), (2, "a, reasoning_tokens, estimated FROM k.usage_v3"), (None, None), (99, None)],
)
def test_a_query_asks_for_the_columns_that_the_version_has(definition: int | None, selected: str | None) -> None:
    # Of an unknown definition, all that this release knows.
    found = "a{+reasoning_tokens}{+estimated} FROM {usage}".format_map(names_in("k", "usage", 3, definition))
    assert found == (selected or "a, reasoning_tokens, estimated FROM k.usage_v3")


def test_every_definition_has_the_columns_its_queries_name() -> None:
    for projection in (p for p in DEFINITIONS if p.name == "messages"):
        names = names_in("k", "messages", 1, projection.definition)
        selected = TURN_SELECTION.format_map(names).split(", ")
        columns = projection.tables[0].columns
        assert set(selected) <= set(columns)
        assert selected == [*TURN_COLUMNS.split(", "), *(name for name in NEW_TURN_COLUMNS if name in columns)]


def test_rows_of_either_definition_are_read() -> None:
    cells: dict[str, Any] = dict.fromkeys(TURN_COLUMNS.split(", "))
    cells |= {"cause": 1, "kind": "regenerate", "generation_id": "g", "prompt_message_id": "p", "status": "completed"}
    cells |= {"answer": "", "prompt_tokens": 7, "completion_tokens": 5, "cached_tokens": 2}
    old = said_row("c", tuple(cells.values()))
    new = said_row("c", (*cells.values(), 3, True))
    assert isinstance(old, TurnRow)
    assert isinstance(new, TurnRow)
    assert old.reply.usage == Usage(7, 5, 2)
    assert new.reply.usage == Usage(7, 5, 2, 3, True)
    ledger = (1, "g", "c", "m", "GenerationCompleted", 7, 5, 2, "p1", "EUR", 9, None, None, None)
    assert _row(ledger).usage == Usage(7, 5, 2)
    assert _row((*ledger, 3, True)).usage == Usage(7, 5, 2, 3, True)


def test_which_of_several_answers_a_row_is_is_known_before_there_is_a_column_for_it() -> None:
    asked = replace(
        prompt("c", "k", "u"),
        kind="stateless",
        content=None,
        messages=(ChatMessage("user", "hi"),),
        request=Request(choices=3),
    )
    for projection in (p for p in DEFINITIONS if p.name == "generations"):
        keys = []
        for put in projection.fold(asked, AT):
            assert isinstance(put, Put)
            cells = {"generation_id": put.key[0], **put.cells}
            columns = [*COLUMNS.split(", "), *(name for name in NEW_COLUMNS if name in put.table.cells)]
            keys.append(row_of(tuple(cells.get(column) for column in columns)).key)
        assert keys == [turn_key(AT, choice) for choice in range(3)]


@given(st.booleans(), st.integers(0, 9))
def test_a_row_is_the_same_at_every_write_level(estimated: bool, reasoning: int) -> None:
    ended = outcome(turn_of(prompt("c", "k", "u"), AT))
    record = replace(ended, usage=replace(ended.usage, estimated=estimated, reasoning_tokens=reasoning))
    level = write_level()
    try:
        set_write_level(1)
        low = newest("messages").fold(record, AT)
    finally:
        set_write_level(level)
    assert low == newest("messages").fold(record, AT)
