from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.cli import checks


def invoked(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    checks.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_a_fault_run_or_a_fuzz_run_is_that_run_alone_and_its_result_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        ran.append(arguments)
        return 1

    monkeypatch.setattr(checks, "_run", run)
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
        found = {test for folder in folders for test in folder.rglob("test_*.py")}
        return {test for test in found if not any(test.is_relative_to(path) for path in ignored)}

    tests = [collected(run) for run in checks.plan(checks.suite_names())]
    assert sum(map(len, tests)) == len(set().union(*tests))
    assert set().union(*tests) == set(checks.TESTS.rglob("test_*.py"))


def test_a_run_without_tests_is_a_failure_unless_a_selection_left_it_empty() -> None:
    nothing = ["--collect-only", str(checks.TESTS / "fakes")]
    assert checks.run_pytest(nothing, []) == checks.NOTHING_COLLECTED
    assert checks.run_pytest(nothing, ["-k", "that"]) == 0
    assert checks.run_pytest(["--no-such-option"], ["-k", "that"]) == 4


def test_without_a_browser_the_pages_tests_are_left_out_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(arguments: list[str]) -> int:
        ran.extend(arguments)
        return 0

    def web_is_run(*arguments: str) -> bool:
        ran.clear()
        done = invoked("test", "--no-check", *arguments)
        assert done.exit_code == 0
        is_run = str(checks.TESTS / "web") in ran
        assert ("Left out: tests/web. The page's tests need Chromium" in done.output) is not is_run
        return is_run

    monkeypatch.setattr(checks, "_run", run)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    assert not web_is_run()
    assert web_is_run("web")
    monkeypatch.setenv("CI", "true")
    assert web_is_run()
    monkeypatch.delenv("CI")
    monkeypatch.setenv("CHROMIUM", "sh")
    assert web_is_run()
