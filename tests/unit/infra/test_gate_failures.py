"""What is said at the end of a run of what failed in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import gate_plan
from infra.cli.gate_failures import FAILURES_VARIABLE, MAX_LINE_CHARACTERS, MAX_SHOWN, failure_lines, failures_of

BROKEN = """
import pytest
def test_fine(): pass
def test_wrong():
    raise AssertionError("Locator expected to be focused\\nActual value: inactive\\n" + "x" * 1000)
@pytest.fixture
def missing(): raise OSError("there is nothing")
def test_without_its_fixture(missing): pass
@pytest.fixture
def left(): yield; assert [] == ["left behind"]
def test_that_leaves_something(left): pass
"""
CONFTEST = """
from tests import failing
def pytest_configure(config):
    config.pluginmanager.register(failing.failing())
"""


def test_each_failure_is_one_bounded_line() -> None:
    lines = failure_lines({f"t{n}": "a\nb " * 500 for n in range(MAX_SHOWN + 2)})
    assert lines[0].startswith("FAILED t0: a b a b")
    assert all(len(line) <= MAX_LINE_CHARACTERS and "\n" not in line for line in lines)
    assert lines[MAX_SHOWN:] == ["and 2 more"]
    assert failure_lines({}) == []


def test_a_run_that_wrote_no_failures_has_none(tmp_path: Path) -> None:
    assert failures_of(tmp_path / "none") == {}
    (tmp_path / "half").write_text('{"a"')
    assert failures_of(tmp_path / "half") == {}


@pytest.mark.parametrize("processes", [0, 1])
def test_a_run_writes_down_what_failed_and_where(tmp_path: Path, processes: int) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (tmp_path / "test_broken.py").write_text(BROKEN)
    (tmp_path / "test_not_read.py").write_text("raise ValueError('not this one')")
    file = tmp_path / "failures.json"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", "-n", str(processes)]
    environment = os.environ | {
        "PYTHONPATH": str(gate_plan.TESTS.parent),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        FAILURES_VARIABLE: str(file),
    }
    run = [*command, "--continue-on-collection-errors"]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = failures_of(file)
    assert set(found) == {
        "test_broken.py::test_wrong",
        "test_broken.py::test_without_its_fixture",
        "test_broken.py::test_that_leaves_something",
        "test_not_read.py",
    }, done.stdout + done.stderr
    assert found["test_broken.py::test_wrong"].startswith("AssertionError: Locator expected to be focused")
    assert found["test_broken.py::test_without_its_fixture"] == "in its setup: OSError: there is nothing"
    assert found["test_broken.py::test_that_leaves_something"].startswith("in its teardown: ")
    assert "not this one" in found["test_not_read.py"]
