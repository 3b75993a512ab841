"""Every process says at its start what it writes; what is planted in it makes it an older release's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.exits import EXIT_NEWER, exit_status, newer_note, tell_newer
from infra.logging import get_logger
from infra.settings import load
from infra.speaking import speak
from infra.stack import joining
from infra.stack.children import ROLES
from schemas.codec import NewerRecord, write_level
from schemas.registry import READ_BEFORE, WRITE_LEVEL

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = ROOT / "infra" / "processes"
COMMON = {"__init__", "http_server", "mistakes", "runner"}
ROOTS = ("infra/processes/runner.py", "infra/cli/renew.py")


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_says_it_once(root: str) -> None:
    assert (ROOT / root).read_text().count("speak(") == 1


def test_every_process_is_run_by_the_runner() -> None:
    processes = {file.stem: file.read_text() for file in PROCESSES.glob("*.py") if file.stem not in COMMON}
    assert set(processes) == {*(role.name for role in ROLES), joining.PROCESS}
    for name, text in processes.items():
        assert text.count(f'return run("{name}", ') == 1
        assert text.endswith('if __name__ == "__main__":\n    sys.exit(main())\n')


def test_a_process_writes_what_the_release_before_reads_unless_it_is_told_more(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(load())
    assert write_level() == READ_BEFORE
    monkeypatch.setenv("VERBATIM_LOG__WRITES", str(WRITE_LEVEL))
    speak(load())
    assert write_level() == WRITE_LEVEL


def test_a_process_can_be_planted_to_be_an_older_one() -> None:
    code = (
        "from infra.settings import load; from infra.speaking import speak; from schemas.codec import is_newer;"
        "speak(load()); print(is_newer(7), is_newer(6))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), "VERBATIM_NEWEST_SCHEMA": "6"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "True False\n"


def test_who_stops_at_a_newer_record_leaves_a_note_for_its_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "recorder-0.beat"
    error = NewerRecord(45)
    monkeypatch.setenv("VERBATIM_LIFESIGN", str(sign))
    tell_newer(get_logger("test"), error, "token-chunks", 0, 12)
    note = "token-chunks:0@12: this record was written by a newer release (schema id 45): upgrade\n"
    assert newer_note(sign).read_text() == note
    assert exit_status(ExceptionGroup("tasks", [error])) == EXIT_NEWER
    monkeypatch.setenv("VERBATIM_LIFESIGN", str(tmp_path / "gone" / "recorder-0.beat"))
    tell_newer(get_logger("test"), error, "token-chunks", 0, 12)
