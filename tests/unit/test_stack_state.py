"""A failed test on a stack tells how the stack was."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stack_state import MAX_LINES, told


def test_what_a_stack_says_of_itself(tmp_path: Path) -> None:
    child = {"name": "recorder-0", "state": "ready", "restarts": 2, "detail": "", "trouble": "behind"}
    (tmp_path / "status.json").write_text(json.dumps({"children": [child]}))
    (tmp_path / "stack.json").write_text(json.dumps({"children": []}))
    (tmp_path / "logs").mkdir()
    usual = '{"event": "[^--StreamApp]: Starting..."}\n'
    (tmp_path / "logs" / "recorder-0.log").write_text(usual + "an odd line\n" * 20 + usual)
    assert list(told(tmp_path)) == [
        "recorder-0: ready, restarts 2 behind",
        *["recorder-0.log: an odd line"] * MAX_LINES,
    ]


def test_a_stack_that_is_gone_is_no_second_failure(tmp_path: Path) -> None:
    assert list(told(tmp_path)) == ["it says nothing of itself: FileNotFoundError"]
