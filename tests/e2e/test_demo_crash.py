"""`./verbatim demo crash` on the running stack: an answer outlives the process that is killed under it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.stack import Stack

pytestmark = pytest.mark.timeout(300)

PROMISES = 9


@pytest.mark.slow("a process is killed under an answer of seconds")
@pytest.mark.parametrize("role", ["worker", "api"])
def test_an_answer_goes_on(stack: Stack, role: str) -> None:
    victim = stack.pid(role)
    shown = stack.verbatim("demo", "crash", "--kill", role)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert f"kill -9 {victim} ({role}-0)" in shown.stdout
    assert "the stream goes on with frame" in shown.stdout
    assert shown.stdout.count("✓") == PROMISES
    assert "✗" not in shown.stdout
    assert "Everything holds: nothing lost, nothing twice." in shown.stdout
    assert stack.pid(role) != victim


def test_scripts_get_one_json_object(stack: Stack) -> None:
    done = stack.verbatim("demo", "crash", "--kill", "recorder", "--numbers", "30", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["holds"] is True
    assert [child["role"] for child in document["killed"]] == ["recorder"]
    assert len(document["findings"]) == PROMISES
    assert document["connections"] == 1
    assert document["pauses_s"]["longest"] < 30
    assert document["back_after_s"] > 0
    assert [attempt["number"] for attempt in document["attempts"]] == [1]


def test_an_answer_that_takes_too_long_is_one_line(stack: Stack) -> None:
    done = stack.verbatim("demo", "crash", "--kill", "redis", "--numbers", "500", "--timeout", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("verbatim: the answer did not end within 1 s")
    assert done.stderr.count("\n") == 1


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = Stack(tmp_path / "none", 0).verbatim("demo", "crash")
    assert done.returncode == 1
    assert "./verbatim up --detach" in done.stderr
    assert done.stderr.count("\n") == 1
