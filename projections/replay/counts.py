"""Counts a log beside the store: the rows before are kept here, on disk once they are many. One thread at a time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from projections.counting import Key, Placed
from projections.order import last_wins, place
from projections.rows import Put, Table
from projections.usage_rollups.rules import Batch, Cells, Counted
from projections.usage_rollups.table import USAGE_BILLS, USAGE_SUMS
from schemas.envelope import Position

MAX_IN_MEMORY = 50_000
"""Rows; what is beyond goes to the file."""
_TABLES = {table.name: table for table in (USAGE_SUMS, USAGE_BILLS)}


class LocalCounts:
    """What a log comes to, from its beginning. `close` it: its file goes then."""

    def __init__(self, file: Path | None = None, base: LocalCounts | None = None) -> None:
        """`file`: where rows go that memory does not hold; None: it holds all. `base`: what was counted before, which
        stays as it is."""
        self._file = file
        self._base = base
        self._rows: dict[tuple[str, Key], Cells] = {}
        self._stored: sqlite3.Connection | None = None

    def close(self) -> None:
        """Forget everything."""
        self._rows = {}
        if self._stored is not None:
            self._stored.close()
            self._stored = None
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    def apart(self, file: Path | None = None) -> LocalCounts:
        """What goes on from here, and leaves this as it is."""
        return LocalCounts(file, self)

    def count(self, records: Sequence[Placed]) -> Counted:
        """Count records of one partition, in their order; returns the rows that changed."""
        batch = Batch(records)
        bills = {key: self._row(USAGE_BILLS, key) for key in batch.bill_keys}
        sums = {key: self._row(USAGE_SUMS, key) for key in batch.sum_keys(bills)}
        counted = batch.counted(sums)
        for row in (*counted.sums, *counted.bills):
            self._rows[row.table.name, row.key] = row.cells
        if self._file is not None and len(self._rows) > MAX_IN_MEMORY:
            self._spill(self._file)
        return counted

    def rows(self) -> Iterator[Put]:
        """All rows, as they are to be written."""
        for (name, key), cells in self._rows.items():
            yield _put(_TABLES[name], key, cells)
        if self._stored is not None:
            for name, key, cells in self._stored.execute("SELECT name, key, cells FROM rows"):
                if (name, found := tuple(json.loads(key))) not in self._rows:
                    yield _put(_TABLES[name], found, json.loads(cells))

    def _row(self, table: Table, key: Key) -> Cells | None:
        there = self._rows.get((table.name, key))
        if there is None and self._stored is not None:
            asked = (table.name, json.dumps(key))
            row = self._stored.execute("SELECT cells FROM rows WHERE name = ? AND key = ?", asked).fetchone()
            there = None if row is None else json.loads(row[0])
        if there is None and self._base is not None:
            return self._base._row(table, key)
        return there

    def _spill(self, file: Path) -> None:
        if self._stored is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            # It is made anew by every run, so nothing of it has to outlive one. Threads take turns.
            self._stored = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._stored.execute("PRAGMA journal_mode = OFF")
            self._stored.execute("PRAGMA synchronous = OFF")
            self._stored.execute("CREATE TABLE rows (name TEXT, key TEXT, cells TEXT, PRIMARY KEY (name, key))")
        self._stored.execute("BEGIN")
        rows = ((name, json.dumps(key), json.dumps(cells)) for (name, key), cells in self._rows.items())
        self._stored.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)
        self._stored.execute("COMMIT")
        self._rows = {}


def _put(table: Table, key: Key, cells: Cells) -> Put:
    # Every change of a row writes all its cells.
    epoch, offset = place(cells["counted"])
    return Put(table, key, cells, last_wins(Position(epoch, 0, offset)))
