"""Folds a log of any length into rows in flat memory, and continues where an earlier run stopped.

What is folded gathers in a window; a full window becomes a sorted run on disk, and with it the offsets reached.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from projections.replay.merged import NEVER, Cell, Layer, Source, merged
from projections.replay.ring import RingOrder, SortKey, Span
from projections.replay.runs import Entry, joined, merged_runs, read_run, write_run
from projections.rows import Erase, RowChange, Table, size_of
from topics.cuts import TopicPartition

WINDOW_BYTES = 48 * 1024 * 1024
# What Python needs for a write beyond its bytes.
_CHANGE_BYTES = 600
_CELL_BYTES = 60
_MAX_RUNS_OF_A_LEVEL = 16
_MANIFEST = "progress.json"
_FORMAT = 1

FoldedRow = tuple[SortKey, tuple[Any, ...], dict[str, Cell]]
"""Where a row stands, its key, its cells."""


class ScratchError(Exception):
    """The scratch folder takes no more, or cannot be written or read. The message is one line."""


class Spool:
    """The rows of some tables. `close` it, or `discard` it."""

    def __init__(self, folder: Path, tables: tuple[Table, ...], span: Span, what: str) -> None:
        """Take up what `folder` holds if it is of the same `what`, else start again.

        Raises ScratchError, also while another spool has the folder.

        `span`: rows elsewhere are passed over. `what` names all that makes the rows what they are.
        """
        self._folder = folder
        self._tables = tables
        self._orders = [RingOrder(table) for table in tables]
        self._index = {table: index for index, table in enumerate(tables)}
        self._span = span
        self._what = sha256(f"{_FORMAT} {sys.version} {span} {what}".encode()).hexdigest()
        self._window: list[dict[SortKey, Entry]] = [{} for _ in tables]
        self._size = 0
        self._runs: list[tuple[int, int]] = []
        self._numbers = 0
        self.reached: dict[TopicPartition, int] = {}
        self.marks: dict[TopicPartition, str] = {}
        self.notes: dict[str, Any] = {}
        self.entries = 0
        with _told(folder):
            self._lock = _locked(folder)
            try:
                if not self._take_up():
                    self.forget()
            except BaseException:
                self._lock.close()
                raise

    def close(self) -> None:
        """Leave the folder to a later run."""
        self._lock.close()

    def forget(self) -> None:
        """Empty the folder and start again. Raises ScratchError."""
        with _told(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
        self._window = [{} for _ in self._tables]
        self._runs, self.reached, self.marks, self.notes = [], {}, {}, {}
        self._size = self._numbers = self.entries = 0

    def discard(self) -> None:
        """Remove the folder; the spool is not to be used any more."""
        shutil.rmtree(self._folder, ignore_errors=True)
        _lock_file(self._folder).unlink(missing_ok=True)
        self._lock.close()

    def add(self, changes: Iterable[RowChange], source: Source) -> None:
        """Take the changes of one record."""
        for change in changes:
            index = self._index[change.table]
            at = self._orders[index].sort_key(change.key)
            if at[0] not in self._span:
                continue
            window = self._window[index]
            there = window.get(at)
            if isinstance(change, Erase):
                entry = Entry(at, change.timestamp, source, [])
            else:
                entry = Entry(at, NEVER, None, [Layer(change.timestamp, source, change.cells)])
                self._size += _CELL_BYTES * len(change.cells)
            window[at] = entry if there is None else joined(there, entry)
            self._size += size_of(change) + _CHANGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the window should be saved."""
        return self._size >= WINDOW_BYTES

    def save(self) -> None:
        """Make a run of the window and write down `reached`, `marks` and `notes`. Raises ScratchError."""
        with _told(self._folder):
            if any(self._window):
                self.entries += sum(len(window) for window in self._window)
                self._add_run(0, [sorted(window.values(), key=lambda entry: entry.at) for window in self._window])
                self._window = [{} for _ in self._tables]
                self._size = 0
            obsolete = self._merge_levels()
            self._write_progress()
            for number in obsolete:
                self._remove(number)

    def rows(self, table: Table) -> Iterator[FoldedRow]:
        """The table's rows in the order of the ring: of what was saved. Raises ScratchError."""
        index = self._index[table]
        turned, wide = self._orders[index].turned, bool(table.clustering)
        erased_partition: SortKey | None = None
        erased = NEVER
        with _told(self._folder):
            for entry in merged_runs(read_run(self._file(number, index)) for _, number in self._runs):
                at = entry.at
                until = entry.erased
                if wide:
                    partition = at[0], at[1][: len(table.partition_key)]
                    if entry.erased != NEVER:
                        erased_partition, erased = partition, entry.erased
                    until = erased if partition == erased_partition else NEVER
                if cells := merged(entry.layers, until):
                    yield at, turned(at[1]), cells

    def _add_run(self, level: int, tables: list[Iterable[Entry]] | list[list[Entry]]) -> None:
        number = self._numbers
        self._numbers += 1
        for index, entries in enumerate(tables):
            write_run(self._file(number, index), entries)
        self._runs.append((level, number))

    def _merge_levels(self) -> list[int]:
        obsolete: list[int] = []
        level = 0
        while any(there >= level for there, _ in self._runs):
            numbers = [number for there, number in self._runs if there == level]
            if len(numbers) >= _MAX_RUNS_OF_A_LEVEL:
                self._runs = [run for run in self._runs if run[0] != level]
                together: list[Iterable[Entry]] = [
                    merged_runs([read_run(self._file(number, index)) for number in numbers])
                    for index in range(len(self._tables))
                ]
                self._add_run(level + 1, together)
                obsolete += numbers
            level += 1
        return obsolete

    def _file(self, number: int, index: int) -> Path:
        return self._folder / f"{number}.{self._tables[index].name}.run"

    def _remove(self, number: int) -> None:
        for index in range(len(self._tables)):
            self._file(number, index).unlink(missing_ok=True)

    def _write_progress(self) -> None:
        progress = {
            "what": self._what,
            "runs": self._runs,
            "numbers": self._numbers,
            "entries": self.entries,
            "reached": _listed(self.reached),
            "marks": _listed(self.marks),
            "notes": self.notes,
        }
        fresh = self._folder / f"{_MANIFEST}.new"
        fresh.write_text(json.dumps(progress), "utf-8")
        fresh.replace(self._folder / _MANIFEST)

    def _take_up(self) -> bool:
        try:
            progress = json.loads((self._folder / _MANIFEST).read_text("utf-8"))
            if progress["what"] != self._what:
                return False
            self._runs = [(level, number) for level, number in progress["runs"]]
            self.reached = {(topic, partition): value for topic, partition, value in progress["reached"]}
            self.marks = {(topic, partition): value for topic, partition, value in progress["marks"]}
            self.notes = progress["notes"]
            self._numbers, self.entries = progress["numbers"], progress["entries"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        known = {self._file(number, index).name for _, number in self._runs for index in range(len(self._tables))}
        for file in self._folder.iterdir():
            if file.suffix == ".run" and file.name not in known:
                file.unlink()  # of a window whose saving was cut short
        return all((self._folder / name).exists() for name in known)


def _listed(by_place: Mapping[TopicPartition, Any]) -> list[tuple[str, int, Any]]:
    return [(topic, partition, value) for (topic, partition), value in sorted(by_place.items())]


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _locked(folder: Path) -> IO[str]:
    """Held until it is closed, or its process ends, however that comes about."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock_file(folder).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ScratchError(f"another run is using {folder}: wait for it to end") from None
    return lock


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ScratchError(f"the disk of {folder} is full: free space there and run it again") from error
        raise ScratchError(f"{error.filename or folder} cannot be used: {error.strerror}") from error
