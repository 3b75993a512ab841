"""The journal survives its writer's death at any byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.evidence import (
    Acked,
    CancelAnswered,
    Cut,
    Entry,
    Frame,
    GaveUp,
    Intent,
    Misread,
    Refused,
    Transcript,
    Unknown,
)
from tests.faults.journal import DamagedJournal, Journal, JournalInUse, read

ENTRIES: tuple[Entry, ...] = (
    Intent("k", "c", "t", 3, "0" * 64),
    Unknown("k", "ReadTimeout"),
    Acked("k", "g", "c"),
    Refused("k", 422, "idempotency_key_reused"),
    Frame("r", "g", 1, "content_chunk", '{"delta":"\\r\\n\\u2028"}', 17),
    Cut("r", 1),
    Transcript("r2", "g", "é\x00\u2028\n", "stop"),
    CancelAnswered("g", 202, "running"),
    GaveUp("r", "g", "no end"),
    Misread("r3", "g", "event 3, due was 2"),
)


def written(path: Path, entries: tuple[Entry, ...]) -> bytes:
    with Journal(path) as journal:
        for entry in entries:
            journal.write(entry)
    return path.read_bytes()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert written(path, ENTRIES).count(b"\n") == len(ENTRIES)
    assert read(path) == ENTRIES


@given(st.data())
def test_a_file_cut_at_any_byte_keeps_its_whole_lines_and_can_be_taken_up(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    content = written(path, ENTRIES)
    kept = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(kept)
    whole = ENTRIES[: kept.count(b"\n")]
    assert read(path) == whole
    written(path, ENTRIES[:2])
    assert read(path) == whole + ENTRIES[:2]


def test_damage_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(written(path, ENTRIES[:1]) + b'["Frame", 1]\n' + b'["Cut", "r", 1]\n')
    with pytest.raises(DamagedJournal, match="line 2"):
        read(path)


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal, pytest.raises(JournalInUse):
        Journal(path)
    journal = Journal(path)
    journal.close()


@pytest.mark.parametrize(("entry", "syncs"), [(entry, isinstance(entry, Intent | Acked)) for entry in ENTRIES])
def test_intents_and_acknowledgements_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Entry, syncs: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    written(tmp_path / "journal", (entry,))
    assert len(synced) == syncs


def test_a_killed_writer_leaves_what_it_had_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    programme = (
        "import itertools, sys\n"
        "from pathlib import Path\n"
        "from tests.faults.evidence import Cut\n"
        "from tests.faults.journal import Journal\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "for n in itertools.count():\n"
        "    journal.write(Cut('reader', n))\n"
        "    print(n, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", programme], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout as said:
        last = [int(said.readline()) for _ in range(200)][-1]
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(30) == -signal.SIGKILL
    entries = read(path)
    assert entries[: last + 1] == tuple(Cut("reader", n) for n in range(last + 1))
