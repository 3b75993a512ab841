"""What failed in a run, written down for the end of what `./verbatim test` prints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra.cli.gate_failures import FAILURES_VARIABLE, MAX_LINE_CHARACTERS


class Failing:
    """A plugin. Under xdist the controller writes."""

    def __init__(self, path: Path | None) -> None:
        """`path`: where the failures of all tests are written at the end, by test."""
        self._path = path
        self._said: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._said.setdefault(report.nodeid, f"{_where(report)}{_message(report)}"[:MAX_LINE_CHARACTERS])

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._said.setdefault(report.nodeid, _message(report)[:MAX_LINE_CHARACTERS])

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._path is not None and not hasattr(session.config, "workerinput"):
            self._path.write_text(json.dumps(self._said))


def _where(report: pytest.TestReport) -> str:
    return "" if report.when == "call" else f"in its {report.when}: "


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The error as it was raised; the last line of what else there is."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash is not None else (report.longreprtext.strip().splitlines() or [""])[-1]


def failing() -> Failing:
    """The plugin of this run."""
    path = os.environ.get(FAILURES_VARIABLE)
    return Failing(Path(path) if path else None)
