"""The supervisor's files are written beside its loop, the newest state last, and a disk that fails ends nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack import state_files
from infra.stack.snapshot import Snapshot, read_snapshot, write_snapshot
from infra.stack.state_files import StateFiles
from tests.eventually import eventually


def snapshot(doing: str) -> Snapshot:
    return Snapshot("starting", doing, "", "http://localhost", "now", ())


class Disk:
    """Writes in its own time: each write waits for a `go`."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.begun: list[str] = []
        self.threads: set[str] = set()
        self.error: OSError | None = None

    def write(self, path: Path, said: Snapshot) -> None:
        self.begun.append(said.doing)
        self.threads.add(threading.current_thread().name)
        assert self.go.acquire(timeout=30)
        if self.error is not None:
            raise self.error
        write_snapshot(path, said)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(state_files, "write_snapshot", made.write)
    yield made
    made.go.release(100)


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    return StateFiles(tmp_path / "status.json", tmp_path / "stack.json")


def said(folder: Path) -> str:
    found = read_snapshot(folder / "status.json")
    return "" if found is None else found.doing


async def test_the_loop_goes_on_and_only_the_newest_is_written_next(
    disk: Disk, files: StateFiles, tmp_path: Path
) -> None:
    for doing in ("one", "two", "three"):
        files.change(snapshot(doing), {"said": doing})
        await eventually(lambda: disk.begun == ["one"])
    disk.go.release(2)
    await files.aclose()
    assert disk.begun == ["one", "three"] and said(tmp_path) == "three"
    assert json.loads((tmp_path / "stack.json").read_text()) == {"said": "three"}
    assert threading.main_thread().name not in disk.threads


async def test_who_reads_the_status_finds_the_stack_file_written(disk: Disk, files: StateFiles, tmp_path: Path) -> None:
    files.change(snapshot("one"), {"said": "one"})
    await eventually(lambda: disk.begun == ["one"])
    assert json.loads((tmp_path / "stack.json").read_text()) == {"said": "one"}
    disk.go.release()
    await files.aclose()


async def test_an_unchanged_stack_file_is_left_alone(files: StateFiles, tmp_path: Path) -> None:
    files.change(snapshot("one"), {"said": 1})
    await files.written()
    (tmp_path / "stack.json").write_text("mine")
    files.change(snapshot("two"), {"said": 1})
    await files.aclose()
    assert said(tmp_path) == "two" and (tmp_path / "stack.json").read_text() == "mine"


async def test_a_full_disk_is_logged_and_what_comes_later_is_written(
    disk: Disk, files: StateFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.go.release(100)
    disk.error = OSError(28, "No space left on device")
    files.change(snapshot("one"), {"said": 1})
    await files.written()
    assert said(tmp_path) == "" and "cannot write the state files" in capsys.readouterr().out
    disk.error = None
    files.change(snapshot("two"), {"said": 1})
    await files.aclose()
    assert said(tmp_path) == "two" and json.loads((tmp_path / "stack.json").read_text()) == {"said": 1}


async def test_a_disk_that_hangs_holds_nobody_up_for_long(
    disk: Disk, files: StateFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(state_files, "MAX_WRITE_S", 0.05)
    files.change(snapshot("one"), {})
    await files.written()
    assert "are not written" in capsys.readouterr().out
    disk.go.release()
    await files.written()
