"""What is said of the time of a run, and what becomes of a test that is slow without a reason."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import gate_plan
from infra.cli.gate_times import SHOWN, Part, recorded_times, report, slower_than_recorded, times_of
from tests import timing


def test_only_the_slowest_are_shown_and_the_whole_is_told_with_its_parts() -> None:
    times = {f"t{n}": {"call": float(n)} for n in range(SHOWN + 5)}
    lines = report([Part("checks", 61.2), Part("unit", 3601)], 3605.4, times, {})
    assert lines[0] == "The 10 slowest tests:"
    assert [line.split()[-1] for line in lines[1:-1]] == [f"t{n}" for n in range(SHOWN + 4, 4, -1)]
    assert lines[-1] == "Took 60:05: checks 1:01, unit 60:01"


def test_a_run_without_tests_has_no_slowest() -> None:
    assert report([Part("checks", 1)], 1.2, {}, {"t": 9.0}) == ["Took 0:01: checks 0:01"]


def test_a_test_that_became_slower_is_told_and_a_slow_host_is_not() -> None:
    recorded = {"a": 10.0, "b": 10.0, "c": 10.0, "gone": 99.0}
    assert slower_than_recorded({name: {"call": 30.0} for name in "abc"}, recorded) == []
    found = slower_than_recorded(
        {"a": {"call": 60.0}, "b": {"call": 10.0}, "c": {"call": 10.0, "setup": 90.0}}, recorded
    )
    assert found == [("a", 60.0, 10.0)]


def test_a_run_that_wrote_no_times_has_none(tmp_path: Path) -> None:
    assert times_of(tmp_path / "none") == {}
    (tmp_path / "half").write_text('{"a"')
    assert times_of(tmp_path / "half") == {}


def test_no_host_is_faster_than_the_reference() -> None:
    assert timing.slowness() >= 1.0


SLEEPY = """
import time, pytest
def test_fast(): pass
def test_slow(): time.sleep(0.3)
@pytest.mark.slow("it sleeps")
def test_marked(): time.sleep(0.3)
@pytest.fixture
def late(): time.sleep(0.3)
def test_with_a_late_fixture(late): pass
"""


CONFTEST = """
from pathlib import Path
from tests import timing
timing.slowness = lambda: 1.0
timing.HICCUPS = 1.0
def pytest_configure(config):
    config.addinivalue_line("markers", "slow(reason): x")
    config.pluginmanager.register(timing.Timing(Path("times.json"), 0.2))
"""


@pytest.mark.parametrize("processes", [0, 1])
def test_a_slow_test_without_a_reason_fails(tmp_path: Path, processes: int) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (tmp_path / "test_sleepy.py").write_text(SLEEPY)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", "-n", str(processes)]
    environment = os.environ | {"PYTHONPATH": str(gate_plan.TESTS.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert re.search(r"test_slow took .* and 0\.2 s are allowed", done.stdout)
    times = times_of(tmp_path / "times.json")
    assert len(times) == 4
    assert times["test_sleepy.py::test_slow"]["call"] >= 0.3
    assert times["test_sleepy.py::test_with_a_late_fixture"]["setup"] >= 0.3


def test_a_test_that_is_recorded_as_slow_says_why_before_it_runs(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.replace(", 0.2)", ', 0.2, {"test_sleepy.py::test_slow": 0.3})'))
    (tmp_path / "test_sleepy.py").write_text(SLEEPY)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": f"{gate_plan.TESTS.parent}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_sleepy.py::test_slow takes 0.3 s (tests/durations.json), and 0.2 s are allowed" in done.stderr


def test_a_hiccup_is_allowed_and_what_is_slow_here_may_be_the_hosts_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "slowness", lambda: 2.0)
    assert timing.complaint(59.0, 10.0) is None
    assert "took 61.0 s, and 60.0 s are allowed on this host" in (timing.complaint(61.0, 10.0) or "")


@pytest.mark.parametrize(
    "marked",
    [pytest.mark.slow, pytest.mark.slow(" "), pytest.mark.slow(3), pytest.mark.slow(reason="x")],
)
def test_a_marker_without_a_reason_is_a_mistake(marked: pytest.MarkDecorator) -> None:
    with pytest.raises(pytest.UsageError, match="a slow test says why"):
        timing.reason(marked.mark, "test")


def test_a_marker_says_why() -> None:
    assert timing.reason(pytest.mark.slow("it waits").mark, "test") == "it waits"
    assert timing.reason(None, "test") is None


def test_the_recorded_tests_are_there() -> None:
    """`--record-durations` keeps what was not run, so a test that was renamed would stay for ever."""
    recorded = recorded_times(gate_plan.TESTS / "durations.json")
    assert recorded
    for test in recorded:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (gate_plan.TESTS.parent / file).read_text(), test
