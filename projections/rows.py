"""Tables and the changes that folds make to rows. Pure: no statement, no client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_MAX_KEY_CHARACTERS = 512


class Unprojectable(Exception):
    """A record that no row can be made of: it is damaged, though it decodes."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of a projection: columns by name with their CQL types, in order.

    In Cassandra its name carries the projection's version.
    """

    name: str
    partition_key: Mapping[str, str]
    cells: Mapping[str, str]
    clustering: Mapping[str, str] = field(default_factory=dict)
    descending: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the primary key's columns."""
        return (*self.partition_key, *self.clustering)

    @property
    def columns(self) -> dict[str, str]:
        """All columns with their types."""
        return {**self.partition_key, **self.clustering, **self.cells}


@dataclass(frozen=True, slots=True)
class Put:
    """Write `cells` of the row at `key`, each unless it holds a value of a greater timestamp."""

    table: Table
    key: tuple[str | int, ...]
    cells: Mapping[str, Any]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase a whole partition: every cell of a smaller or equal timestamp, also those written later."""

    table: Table
    key: tuple[str | int, ...]
    timestamp: int


RowChange = Put | Erase


def partition_of(change: RowChange) -> tuple[str | int, ...]:
    """The values of the partition key; changes of equal ones may be written together, whatever their table."""
    return change.key[: len(change.table.partition_key)]


def checked(changes: Iterable[RowChange]) -> tuple[RowChange, ...]:
    """The changes. Raises Unprojectable if a key is empty or longer than any id of ours."""
    all_of_them = tuple(changes)
    for change in all_of_them:
        for part in change.key:
            if isinstance(part, str) and not 0 < len(part) <= _MAX_KEY_CHARACTERS:
                column = change.table.key[change.key.index(part)]
                raise Unprojectable(f"{column} has {len(part)} characters")
    return all_of_them


def without(table: Table, *columns: str) -> Table:
    """The table as it was before it had these columns. Raises KeyError for one that it has not."""
    for column in columns:
        table.cells[column]
    return replace(table, cells={name: kind for name, kind in table.cells.items() if name not in columns})


def narrowed(
    fold: Callable[[Any, Any], tuple[RowChange, ...]], *tables: tuple[Table, Table]
) -> Callable[[Any, Any], tuple[RowChange, ...]]:
    """An older definition's fold, made of a newer one's: `tables` are pairs of a table and what it was.

    Only for definitions that have nothing but more columns.
    """
    older = dict(tables)

    def fold_before(record: Any, position: Any) -> tuple[RowChange, ...]:
        return tuple(
            change if (before := older.get(change.table)) is None else _as_before(change, before)
            for change in fold(record, position)
        )

    return fold_before


def _as_before(change: RowChange, table: Table) -> RowChange:
    if isinstance(change, Erase):
        return replace(change, table=table)
    return replace(change, table=table, cells={name: v for name, v in change.cells.items() if name in table.cells})


def size_of(change: RowChange) -> int:
    """About how many bytes a change is to the store, timestamps and all. Rather more than less."""
    if isinstance(change, Erase):
        return 100
    total = 100 + 24 * len(change.cells)
    for value in change.cells.values():
        if isinstance(value, bytes):
            total += len(value)
        elif isinstance(value, str):
            total += len(value) if value.isascii() else 4 * len(value)
    return total
