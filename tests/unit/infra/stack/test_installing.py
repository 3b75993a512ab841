"""Commands that install something: what is said when they fail."""

from __future__ import annotations

import sys

import pytest

from infra.stack.installing import NotInstalled, run_quietly


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_goes_well_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    run_quietly(python("print('a lot')"), "it", 30)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (python("print('first'); print('the reason'); print(); exit(3)"), "the reason"),
        (python("exit(1)"), "no reason given"),
        (python("print('x' * 500); exit(1)"), "x" * 200),
        (
            python("print('WARNING: Retrying after NewConnectionError(...)'); print('ERROR: No match'); exit(1)"),
            "the package index cannot be reached",
        ),
        (["/nowhere/python"], "FileNotFoundError"),
    ],
)
def test_what_fails_is_one_line(command: list[str], why: str) -> None:
    with pytest.raises(NotInstalled) as raised:
        run_quietly(command, "it", 30)
    assert str(raised.value) == why


def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(NotInstalled, match="not within 0 s"):
        run_quietly(python("import time; time.sleep(60)"), "it", 0.2)


def test_another_python_does_not_find_our_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    run_quietly(python("import os; exit('PYTHONPATH' in os.environ)"), "it", 30)
