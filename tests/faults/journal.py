"""The client's journal: one JSON line an entry, so that a client killed at any moment leaves all it had been told.

Intent and Acked are on the disk when `write` returns: they are what is held against the product afterwards. The rest
is with the operating system, which outlives the client.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

from tests.faults.evidence import Acked, Entry, Intent

_TYPES = {entry_type.__name__: entry_type for entry_type in get_args(Entry)}
_SYNCED = (Intent, Acked)


class DamagedJournal(Exception):
    """A line in the middle of a journal is none that was written by this module."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(f"{path}, line {line}: not an entry of a journal")


class JournalInUse(Exception):
    """Another process writes this journal: one reader's frames would get mixed up with another's."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is being written by another process")


class Journal:
    """Appends entries to a file; one that a killed writer left is taken up behind its last whole line."""

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be opened or created, JournalInUse."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise JournalInUse(path) from None
        os.truncate(self._file, _whole_bytes(path))

    def write(self, entry: Entry) -> None:
        """Append one entry. Raises OSError; then the entry may not count as written."""
        line = json.dumps([type(entry).__name__, *(getattr(entry, field.name) for field in fields(entry))])
        left = memoryview(line.encode() + b"\n")
        while left:
            left = left[os.write(self._file, left) :]
        if isinstance(entry, _SYNCED):
            os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read(path: Path) -> tuple[Entry, ...]:
    """All entries; a torn last line is left out. Raises OSError, DamagedJournal."""
    content = path.read_bytes()[: _whole_bytes(path)]
    return tuple(_entry(path, number, line) for number, line in enumerate(content.splitlines(), 1))


def _whole_bytes(path: Path) -> int:
    """The length of the file without a line that was torn by a kill."""
    return path.read_bytes().rfind(b"\n") + 1


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        name, *values = json.loads(line)
        entry: Entry = _TYPES[name](*values)
    except (ValueError, KeyError, TypeError):
        raise DamagedJournal(path, number) from None
    return entry
