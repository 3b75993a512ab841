"""Compares rows from the log with rows of a table: hashes, and every difference. Pure.

A table may be ahead of the fold: what was appended meanwhile may be in it or not. A row that differs is therefore only
a suspect, until `settle` knows all that was appended since: then a cell is right if one of those records wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from projections.order import position_of
from projections.replay.dump import line_of, shown
from projections.replay.merged import NEVER, Cell
from projections.rows import Erase, RowChange, Table

MAX_NAMED = 1000
_MAX_SUSPECTS = 2000
_MAX_SUSPECT_CELL_CHARACTERS = 16 * 1024 * 1024

Expected = Mapping[str, Cell]
Found = Mapping[str, tuple[int, Any]]
WHOLE_ROW = "(row)"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a table holds that the log does not say, or the other way round.

    `column` is WHOLE_ROW where one side has no such row. `topic`, `partition`, `offset`: the record that should have
    written it, or that seems to have; None where nothing tells.
    """

    table: str
    key: tuple[Any, ...]
    column: str
    expected: str
    found: str
    topic: str | None
    partition: int | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row that differs."""

    table: Table
    key: tuple[Any, ...]
    expected: Expected
    found: Found | None

    @property
    def partition(self) -> tuple[Any, ...]:
        return self.key[: len(self.table.partition_key)]


@dataclass(slots=True)
class Since:
    """What was appended since the fold, as far as it concerns suspects."""

    suspects: frozenset[tuple[Table, tuple[Any, ...]]]
    partitions: frozenset[tuple[Table, tuple[Any, ...]]]
    written: dict[tuple[Table, tuple[Any, ...], str], list[tuple[int, Any]]] = field(default_factory=dict)
    erased: dict[tuple[Table, tuple[Any, ...]], int] = field(default_factory=dict)

    def add(self, change: RowChange) -> None:
        place = change.table, change.key
        if isinstance(change, Erase):
            if place in self.partitions:
                self.erased[place] = max(change.timestamp, self.erased.get(place, NEVER))
        elif place in self.suspects:
            for column, value in change.cells.items():
                self.written.setdefault((*place, column), []).append((change.timestamp, value))

    def explains(self, suspect: Suspect, column: str) -> bool:
        """Whether the cell may be as it is because of these records."""
        expected = suspect.expected.get(column)
        found = None if suspect.found is None else suspect.found.get(column)
        if found is None:
            erased = self.erased.get((suspect.table, suspect.partition), NEVER)
            return expected is None or expected.timestamp <= erased
        if expected is not None and (expected.timestamp, expected.value) == found:
            return True
        older = expected is not None and found[0] < expected.timestamp
        return not older and found in self.written.get((suspect.table, suspect.key, column), ())


class Comparison:
    """Takes rows in the order of the ring, one table after the other."""

    def __init__(self, topics: frozenset[str], dump: BinaryIO | None = None) -> None:
        """`dump`: takes the lines of the log's side."""
        self._topics = sorted(topics)
        self._dump = dump
        self._log, self._tables = sha256(), sha256()
        self._differing = sha256()
        self._suspects: list[Suspect] = []
        self._suspected = 0
        self.rows = self.cells = self.different = 0
        self.differences: list[Difference] = []

    def row(self, table: Table, key: tuple[Any, ...], expected: Expected | None, found: Found | None) -> None:
        """A row of both sides or of one; None: that side has none."""
        if expected:
            self.rows += 1
            self.cells += len(expected)
            line = line_of(table, key, expected)
            self._log.update(line)
            # A suspect's too: one that stays a difference is added at the end, and the hashes differ by that.
            self._tables.update(line)
            if self._dump is not None:
                self._dump.write(line)
            if found is not None and _same(expected, found):
                return
        suspect = Suspect(table, key, expected or {}, found)
        self._suspects.append(suspect)
        self._suspected += sum(len(v) for _, v in (found or {}).values() if isinstance(v, str | bytes))
        self._suspected += sum(len(c.value) for c in (expected or {}).values() if isinstance(c.value, str | bytes))

    @property
    def is_full(self) -> bool:
        """Whether so many rows are suspects that they should be settled now."""
        return len(self._suspects) >= _MAX_SUSPECTS or self._suspected >= _MAX_SUSPECT_CELL_CHARACTERS

    @property
    def is_settled(self) -> bool:
        return not self._suspects

    def since(self) -> Since:
        """What takes the changes that were appended since the fold."""
        return Since(
            frozenset((suspect.table, suspect.key) for suspect in self._suspects),
            frozenset((suspect.table, suspect.partition) for suspect in self._suspects),
        )

    def settle(self, since: Since) -> None:
        """Judge all suspects. `since` has seen whatever may have been in the tables when they were read."""
        for suspect in self._suspects:
            columns = [
                column
                for column in suspect.table.cells
                if (column in suspect.expected or (suspect.found is not None and column in suspect.found))
                and not since.explains(suspect, column)
            ]
            if columns or not (suspect.expected or suspect.found):
                self._differing.update(line_of(suspect.table, suspect.key, suspect.found or {}))
                self._name(suspect, columns)
        self._suspects = []
        self._suspected = 0

    def hashes(self) -> tuple[str, str]:
        """Of the log's dump, and of the tables': equal if and only if there is no difference."""
        if self.different:
            self._tables.update(self._differing.digest())
        return self._log.hexdigest(), self._tables.hexdigest()

    def _name(self, suspect: Suspect, columns: list[str]) -> None:
        if not suspect.expected or suspect.found is None:
            columns = [WHOLE_ROW]
        self.different += len(columns)
        for column in columns[: max(0, MAX_NAMED - len(self.differences))]:
            self.differences.append(self._difference(suspect, column))

    def _difference(self, suspect: Suspect, column: str) -> Difference:
        expected = suspect.expected.get(column)
        found = None if suspect.found is None else suspect.found.get(column)
        if column == WHOLE_ROW:
            texts = (_count(suspect.expected), _count(suspect.found or {}) if suspect.found is not None else "no row")
            if not suspect.expected:
                texts = ("no row", texts[1])
            expected = min(suspect.expected.values(), key=lambda cell: cell.source, default=None)
            found = next(iter((suspect.found or {}).values()), None)
        else:
            texts = (_text(None if expected is None else expected[:2], found), _text(found, expected))
        topic, partition, offset = self._place(suspect, expected, found)
        return Difference(suspect.table.name, suspect.key, column, *texts, topic, partition, offset)

    def _place(
        self, suspect: Suspect, expected: Cell | None, found: tuple[int, Any] | None
    ) -> tuple[str | None, int | None, int | None]:
        if expected is not None:
            return expected.source
        position = None if found is None else position_of(found[0])
        partition = next((cell.source.partition for cell in suspect.expected.values()), None)
        return (
            self._topics[0] if len(self._topics) == 1 else None,
            partition,
            None if position is None else position[1],
        )


def _same(expected: Expected, found: Found) -> bool:
    if len(expected) != len(found):
        return False
    for column, cell in expected.items():
        there = found.get(column)
        if there is None or there[0] != cell[0] or there[1] != cell[1]:
            return False
    return True


def _count(cells: Mapping[str, Any]) -> str:
    return f"a row of {len(cells)} cells" if cells else "a row without cells"


def _text(cell: tuple[int, Any] | None, other: Any) -> str:
    if cell is None:
        return "nothing"
    text = shown(cell[1])
    if other is None or other[1] != cell[1]:
        return text
    # Only the timestamps differ.
    position = position_of(cell[0])
    return f"{text} of {'no record' if position is None else f'offset {position[1]}'} (timestamp {cell[0]})"
