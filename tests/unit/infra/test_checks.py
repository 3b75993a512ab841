from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.cli import checks, gate_plan, gate_run
from infra.cli.gate_failures import FAILURES_VARIABLE
from infra.cli.gate_times import TIMES_VARIABLE
from infra.settings import load


def invoked(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    checks.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_a_fault_run_or_a_fuzz_run_is_that_run_alone_and_its_result_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        ran.append(arguments)
        return 1

    monkeypatch.setattr(gate_run, "run_python", run)
    assert invoked("test", "--faults", "7", "--seed", "3").exit_code == 1
    assert invoked("test", "--faults", "7").exit_code == 1
    assert invoked("test", "--fuzz", "9", "--seed", "3").exit_code == 1
    assert ran == [
        ["-m", "tests.faults.run", "--faults", "7", "--seed", "3"],
        ["-m", "tests.faults.run", "--faults", "7"],
        ["-m", "tests.fuzz.run", "--count", "9", "--seed", "3"],
    ]
    assert invoked("test", "--fuzz", "9", "--faults", "7").exit_code == 2


def test_a_seed_alone_is_a_mistake() -> None:
    done = invoked("test", "--seed", "3")
    assert done.exit_code == 2
    assert "--seed needs --faults" in done.output


def test_every_test_is_in_exactly_one_run() -> None:
    def collected(run: list[str]) -> set[Path]:
        ignored = [Path(word.removeprefix("--ignore=")) for word in run if word.startswith("--ignore=")]
        folders = [Path(word) for word in run if Path(word).is_absolute()]
        found = {test for path in folders for test in ([path] if path.is_file() else path.rglob("test_*.py"))}
        return {test for test in found if not any(test.is_relative_to(path) for path in ignored)}

    tests = [collected(run) for step in gate_plan.plan(gate_plan.suite_names()) for _, run in step]
    assert sum(map(len, tests)) == len(set().union(*tests))
    assert set().union(*tests) == set(gate_plan.TESTS.rglob("test_*.py"))


def test_a_run_without_tests_is_a_failure_unless_a_selection_left_it_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate_run.NOTHING_COLLECTED == pytest.ExitCode.NO_TESTS_COLLECTED
    code = gate_run.NOTHING_COLLECTED
    monkeypatch.setattr(gate_run, "run_python", lambda arguments, variables, output: code)
    assert gate_run.run_pytest(["tests/fakes"], []) == gate_run.NOTHING_COLLECTED
    assert gate_run.run_pytest(["tests/fakes"], ["-k", "that"]) == 0
    code = pytest.ExitCode.USAGE_ERROR
    assert gate_run.run_pytest(["--no-such-option"], ["-k", "that"]) == pytest.ExitCode.USAGE_ERROR


def test_without_a_browser_the_pages_tests_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        ran.extend(arguments)
        return 0

    def web_is_run(*arguments: str) -> bool:
        ran.clear()
        done = invoked("test", "--no-check", *arguments)
        assert done.exit_code == 0
        is_run = str(gate_plan.TESTS / "web") in ran
        assert ("Left out: tests/web. The page's tests need Chromium" in done.output) is not is_run
        return is_run

    monkeypatch.setattr(gate_run, "run_python", run)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    assert not web_is_run()
    assert web_is_run("web")
    monkeypatch.setenv("CI", "true")
    assert web_is_run()
    monkeypatch.delenv("CI")
    monkeypatch.setenv("CHROMIUM", "sh")
    assert web_is_run()


def test_parts_that_run_side_by_side_print_one_after_the_other_and_one_failure_fails_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = threading.Barrier(2)

    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        both.wait(30)
        if output is None:
            print("of the first")
            return 0
        output.write_text("of the second\n")
        return 1

    monkeypatch.setattr(gate_run, "run_python", run)
    done = invoked("test", "--no-check", "conformance", "e2e")
    assert done.exit_code == 1
    assert done.output.splitlines()[:4] == [
        "── stacks: runs beside servers, its output follows",
        "of the first",
        "── stacks",
        "of the second",
    ]
    assert re.fullmatch(r"Took \d:\d\d: checks 0:00, servers \d:\d\d, stacks \d:\d\d", done.output.splitlines()[-1])


def test_quick_is_the_checks_the_unit_tests_and_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        ran.append(arguments)
        return 0

    monkeypatch.setattr(gate_run, "run_python", run)
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    done = invoked("test", "quick")
    assert done.exit_code == 0
    assert "Left out" not in done.output
    assert [arguments[1] for arguments in ran[: len(checks.CHECKS)]] == [arguments[1] for _, arguments in checks.CHECKS]
    unit, turn = ran[len(checks.CHECKS) :]
    assert unit[-1] == str(gate_plan.TESTS / "unit")
    assert turn[-1].startswith(str(gate_plan.TESTS / "e2e"))
    file, _, name = turn[-1].partition("::")
    assert f"def {name}(" in Path(file).read_text()


def test_quick_and_a_suite_is_a_mistake() -> None:
    done = invoked("test", "quick", "web")
    assert done.exit_code == 2
    assert "leave out web" in done.output


def test_the_end_of_a_run_says_where_the_time_went(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    durations = tmp_path / "durations.json"
    durations.write_text('{"gone::a": 4.0, "unit::b": 2.5}')
    monkeypatch.setattr(checks, "DURATIONS", durations)

    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        if variables is not None:
            said = {"unit::a": {"setup": 3.0, "call": 9.0, "teardown": 0.2}, "unit::b": {"call": 0.5}}
            Path(variables[TIMES_VARIABLE]).write_text(json.dumps(said))
        return 0

    monkeypatch.setattr(gate_run, "run_python", run)
    done = invoked("test", "unit")
    assert done.output.splitlines()[-4:-1] == [
        "The 2 slowest tests:",
        "   12.2 s  unit::a (of it 3.0 s setup)",
        "    0.5 s  unit::b",
    ]
    assert done.output.splitlines()[-1] == "Took 0:00: checks 0:00, no servers 0:00"
    assert json.loads(durations.read_text()) == {"gone::a": 4.0, "unit::b": 2.5}
    invoked("test", "unit", "--record-durations")
    assert json.loads(durations.read_text()) == {"gone::a": 4.0, "unit::a": 9.0}


def test_the_very_end_of_a_run_says_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: list[str], variables: dict[str, str] | None = None, output: Path | None = None) -> int:
        if variables is not None:
            Path(variables[FAILURES_VARIABLE]).write_text(json.dumps({"unit::a": "AssertionError: not\nso"}))
        return 1

    monkeypatch.setattr(gate_run, "run_python", run)
    done = invoked("test", "unit", "--no-check")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "FAILED unit::a: AssertionError: not so"


def test_what_the_gate_says_in_the_environment_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMES_VARIABLE, "times.json")
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    assert load().kafka.bootstrap == "127.0.0.1:1"
