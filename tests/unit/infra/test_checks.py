from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner, Result

from infra.cli import checks


def invoked(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    checks.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_a_fault_run_is_that_run_alone_and_its_result_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        ran.append(arguments)
        return 1

    monkeypatch.setattr(checks, "_run", run)
    assert invoked("test", "--faults", "7", "--seed", "3").exit_code == 1
    assert invoked("test", "--faults", "7").exit_code == 1
    assert ran == [
        ["-m", "tests.faults.run", "--faults", "7", "--seed", "3"],
        ["-m", "tests.faults.run", "--faults", "7"],
    ]


def test_a_seed_alone_is_a_mistake() -> None:
    done = invoked("test", "--seed", "3")
    assert done.exit_code == 2
    assert "--seed needs --faults" in done.output
