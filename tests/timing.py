"""How long tests take: written down for `./verbatim test`, and none takes long without saying why.

A test whose own part (not its fixtures) takes MAX_UNMARKED_S needs `@pytest.mark.slow("the reason")`. What
tests/durations.json says of it decides, so that the same tree has the same verdict on every host. A test that is not in
there yet fails beyond HICCUPS times the limit, and on a slow or busy host as many times later as a fixed piece of work
takes longer there, measured at that moment.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from infra.cli.gate_plan import TESTS
from infra.cli.gate_times import TIMES_VARIABLE, recorded_times

DURATIONS = TESTS / "durations.json"

MAX_UNMARKED_S = 10.0
HICCUPS = 3.0
"""How many times longer than usual a test may take once: servers collect garbage, disks flush."""
CALIBRATION_S = 0.25
"""What the fixed piece of work takes on the host that the limit was set on: one where the unit tests take a minute."""
_ROUNDS = 1_400_000


def slowness() -> float:
    """How many times longer than on the reference host work takes here and now; 1 at least.

    A fixed piece of work tells of this moment, the load average of the last minute.
    """
    began, block = time.monotonic(), b"verbatim"
    for _ in range(_ROUNDS):
        block = sha256(block).digest()
    return max(1.0, (time.monotonic() - began) / CALIBRATION_S, os.getloadavg()[0] / (os.cpu_count() or 1))


def complaint(duration_s: float, limit_s: float) -> str | None:
    """What is to be said of a test without a marker; None if it is fast enough for this host."""
    if duration_s < limit_s:
        return None
    allowed_s = limit_s * slowness() * HICCUPS
    if duration_s < allowed_s:
        return None
    return (
        f"took {duration_s:.1f} s, and {allowed_s:.1f} s are allowed on this host: make it faster, or say why it "
        'must be slow: @pytest.mark.slow("the reason")'
    )


def reason(marker: pytest.Mark | None, test: str) -> str | None:
    """Why a test is slow, as its marker says; None without one. Raises UsageError for a marker without a reason."""
    if marker is None:
        return None
    if len(marker.args) != 1 or marker.kwargs or not isinstance(marker.args[0], str) or not marker.args[0].strip():
        raise pytest.UsageError(f'{test}: a slow test says why: @pytest.mark.slow("the reason")')
    return marker.args[0]


class Timing:
    """A plugin. Under xdist the workers judge and their controller writes."""

    def __init__(
        self, path: Path | None, limit_s: float = MAX_UNMARKED_S, recorded: Mapping[str, float] | None = None
    ) -> None:
        """`path`: where the times of all tests are written at the end, by test and phase.

        `recorded`: seconds by test, as measured before.
        """
        self._path = path
        self._limit_s = limit_s
        self._recorded = recorded or {}
        self._times: dict[str, dict[str, float]] = {}

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            why = reason(item.get_closest_marker("slow"), item.nodeid)
            taken_s = self._recorded.get(item.nodeid, 0.0)
            if why is None and taken_s >= self._limit_s:
                raise pytest.UsageError(
                    f"{item.nodeid} takes {taken_s:.1f} s (tests/durations.json), and {self._limit_s:.1f} s are "
                    'allowed: make it faster, or say why it must be slow: @pytest.mark.slow("the reason")'
                )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" and report.passed and item.get_closest_marker("slow") is None:
            said = complaint(report.duration, self._limit_s)
            if said is not None:
                report.outcome, report.longrepr = "failed", f"{item.nodeid} {said}"
        return report

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._times.setdefault(report.nodeid, {})[report.when] = round(report.duration, 3)

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._path is not None and not hasattr(session.config, "workerinput"):
            self._path.write_text(json.dumps(self._times))


def timing() -> Timing:
    """The plugin of this run."""
    path = os.environ.get(TIMES_VARIABLE)
    return Timing(Path(path) if path else None, recorded=recorded_times(DURATIONS))
