"""What remains of a row after many writes: Cassandra's rule, cell by cell. Pure.

The greatest timestamp stays; of equal ones an erasure, else the greater value as the store's bytes compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

NEVER = -1
_BYTES_OF_A_NUMBER = (1 << 64) - 1


class Source(NamedTuple):
    """The record that a write comes from."""

    topic: str
    partition: int
    offset: int


class Layer(NamedTuple):
    """One write of some cells of a row."""

    timestamp: int
    source: Source
    cells: Mapping[str, Any]


class Cell(NamedTuple):
    """What stays in a cell, and whose it is."""

    timestamp: int
    value: Any
    source: Source


def merged(layers: Iterable[Layer], erased: int = NEVER) -> dict[str, Cell]:
    """The cells that stay, in whatever order the layers come. `erased`: the partition's newest erasure."""
    row: dict[str, Cell] = {}
    for timestamp, source, cells in layers:
        if timestamp <= erased:
            continue
        for column, value in cells.items():
            there = row.get(column)
            if there is None or timestamp > there[0] or (timestamp == there[0] and _greater(value, there[1])):
                row[column] = Cell(timestamp, value, source)
    return row


def compacted(layers: Sequence[Layer]) -> list[Layer]:
    """Fewer layers that leave the same as `layers`, whatever is added to them or erased later."""
    by_write: dict[tuple[int, Source], dict[str, Any]] = {}
    for column, cell in merged(layers).items():
        by_write.setdefault((cell.timestamp, cell.source), {})[column] = cell.value
    return [Layer(timestamp, source, cells) for (timestamp, source), cells in by_write.items()]


def _greater(value: Any, other: Any) -> bool:
    if isinstance(value, int):
        # Unsigned, as the bytes of numbers are compared.
        return bool(value & _BYTES_OF_A_NUMBER > other & _BYTES_OF_A_NUMBER)
    return bool(value > other)
