"""Sorted runs of folded rows on disk, merged while they are read.

A run holds, a table a file, entries in the order of the ring; blocks of them, each after its length. Runs of equal
level are merged as soon as there are many, so that a log of any length leaves few.
"""

from __future__ import annotations

import heapq
import marshal
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from projections.replay.merged import Layer, Source, compacted
from projections.replay.ring import SortKey

_LENGTH = struct.Struct(">I")
_BLOCK_BYTES = 64 * 1024
_MAX_LAYERS = 8


class Entry(NamedTuple):
    """What one row, or one partition (its erasure), got: `at` sorts."""

    at: SortKey
    erased: int
    erased_by: Source | None
    layers: list[Layer]


def write_run(file: Path, entries: Iterable[Entry]) -> int:
    """Write sorted entries; returns how many. Raises OSError."""
    count = 0
    with file.open("wb") as out:
        block: list[Any] = []
        size = 0
        for entry in entries:
            erased_by = None if entry.erased_by is None else _plain(entry.erased_by)
            layers = [(layer.timestamp, _plain(layer.source), layer.cells) for layer in entry.layers]
            block.append((entry.at, entry.erased, erased_by, layers))
            count += 1
            size += 100 + sum(_about(layer.cells) for layer in entry.layers)
            if size >= _BLOCK_BYTES:
                _write_block(out, block)
                block, size = [], 0
        if block:
            _write_block(out, block)
    return count


def _plain(source: Source) -> tuple[str, int, int]:
    """As marshal knows it: no named tuple, and no Topic for the name of one."""
    topic, partition, offset = source
    return str(topic), partition, offset


def _about(cells: Any) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 16 for value in cells.values())


def _write_block(out: BinaryIO, block: list[Any]) -> None:
    packed = marshal.dumps(block)
    out.write(_LENGTH.pack(len(packed)))
    out.write(packed)


def read_run(file: Path) -> Iterator[Entry]:
    """The entries that `write_run` wrote. Raises OSError."""
    with file.open("rb") as source:
        while header := source.read(_LENGTH.size):
            packed = source.read(_LENGTH.unpack(header)[0])
            # Our own scratch file, written by this very code a moment ago.
            for at, erased, erased_by, layers in marshal.loads(packed):  # noqa: S302 - our own scratch file
                yield Entry(
                    at,
                    erased,
                    None if erased_by is None else Source(*erased_by),
                    [Layer(timestamp, Source(*source), cells) for timestamp, source, cells in layers],
                )


def merged_runs(runs: Iterable[Iterable[Entry]]) -> Iterator[Entry]:
    """The entries of sorted runs in order, those of the same row as one."""
    waiting: Entry | None = None
    for entry in heapq.merge(*runs, key=lambda entry: entry.at):
        if waiting is None or waiting.at != entry.at:
            if waiting is not None:
                yield waiting
            waiting = entry
        else:
            waiting = joined(waiting, entry)
    if waiting is not None:
        yield waiting


def joined(one: Entry, other: Entry) -> Entry:
    """Two entries of the same row as one."""
    erased, erased_by = max((one.erased, one.erased_by), (other.erased, other.erased_by), key=lambda pair: pair[0])
    layers = one.layers + other.layers
    return Entry(one.at, erased, erased_by, compacted(layers) if len(layers) > _MAX_LAYERS else layers)
