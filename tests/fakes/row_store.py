"""A store that keeps, a cell at a time, the value with the greatest timestamp: Cassandra's rule, in memory.

Equal timestamps: an erasure beats a value, and of two values the greater one stays. The same conformance suite runs on
this and on the real one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from projections.registry import PROJECTIONS
from projections.rows import Erase, Put, RowChange
from projections.versions import physical_name

Dump = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


class MemoryRowStore:
    """Takes the changes RowWriter takes."""

    def __init__(self, keyspace: str = "memory") -> None:
        self._keyspace = keyspace
        self._cells: dict[tuple[str, tuple[Any, ...], str], tuple[int, Any]] = {}
        self._erased: dict[tuple[str, tuple[Any, ...]], int] = {}
        self._partition_columns: dict[str, int] = {}

    async def write(self, changes: Iterable[tuple[int, RowChange]]) -> None:
        for version, change in changes:
            self.apply(version, change)

    def apply(self, version: int, change: RowChange) -> None:
        table = physical_name(self._keyspace, change.table, version)
        self._partition_columns[table] = len(change.table.partition_key)
        if isinstance(change, Erase):
            partition = (table, change.key)
            self._erased[partition] = max(change.timestamp, self._erased.get(partition, -1))
            return
        assert isinstance(change, Put)
        for column, value in change.cells.items():
            cell = (table, change.key, column)
            self._cells[cell] = max((change.timestamp, value), self._cells.get(cell, (-1, value)))

    async def dump(self) -> Dump:
        """Every row that is there, by table and primary key."""
        return self.rows()

    def rows(self) -> Dump:
        """As `dump`, for those who cannot wait."""
        return {
            table: {key: {column: cell[1] for column, cell in cells.items()} for key, cells in rows.items()}
            for table, rows in self.cells().items()
        }

    def cells(self) -> dict[str, dict[tuple[Any, ...], dict[str, tuple[int, Any]]]]:
        """As `rows`, every value after its timestamp."""
        rows: dict[str, dict[tuple[Any, ...], dict[str, tuple[int, Any]]]] = {}
        for (table, key, column), (timestamp, value) in self._cells.items():
            partition = key[: self._partition_columns[table]]
            if timestamp > self._erased.get((table, partition), -1):
                rows.setdefault(table.split(".")[1], {}).setdefault(key, {})[column] = (timestamp, value)
        return rows


def all_tables(keyspace: str) -> dict[str, tuple[str, ...]]:
    """Of each table of the projections its columns, the key first."""
    return {
        physical_name(keyspace, table, projection.version): tuple(table.columns)
        for projection in PROJECTIONS
        for table in projection.tables
    }
