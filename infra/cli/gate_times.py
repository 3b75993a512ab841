"""Where the time of `./verbatim test` went: the parts of a run, its slowest tests, and what has become slower. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMES_VARIABLE = "TEST_TIMES_FILE"
"""Names the file where a pytest run writes its times: by test, seconds by phase."""
SHOWN = 10
RECORDED_FROM_S = 2.0
_SLOWER_FACTOR, _SLOWER_S = 1.5, 5.0
"""A test has become slower if it takes so many times longer, and so much longer, than the whole run's tests did."""

Times = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Part:
    """A step of a run and how long it took."""

    name: str
    took_s: float


def times_of(file: Path) -> Times:
    """The times a pytest run wrote; none if it did not come to writing them."""
    try:
        found: Times = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def report(parts: Sequence[Part], took_s: float, times: Times, recorded: Mapping[str, float]) -> list[str]:
    """What is said at the end of a run that took `took_s` seconds; some of its parts ran side by side."""
    lines = []
    slowest = sorted(times, key=lambda test: -sum(times[test].values()))[:SHOWN]
    if slowest:
        lines.append(f"The {len(slowest)} slowest tests:" if len(slowest) > 1 else "The slowest test:")
        lines += [f"{sum(times[test].values()):7.1f} s  {test}{_fixtures(times[test])}" for test in slowest]
    if slower := slower_than_recorded(times, recorded):
        lines.append("Slower than recorded (tests/durations.json):")
        lines += [f"{now_s:7.1f} s, was {then_s:.1f} s  {test}" for test, now_s, then_s in slower]
    steps = ", ".join(f"{part.name} {clock(part.took_s)}" for part in parts)
    lines.append(f"Took {clock(took_s)}: {steps}")
    return lines


def slower_than_recorded(times: Times, recorded: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """(test, seconds, recorded seconds), the worst first. That all tests take longer says something about the host."""
    both = {test: times[test].get("call", 0.0) for test in times.keys() & recorded.keys()}
    host = max(1.0, sum(both.values()) / max(sum(recorded[test] for test in both), 0.001))
    found = [
        (test, now_s, recorded[test])
        for test, now_s in both.items()
        if now_s > recorded[test] * host * _SLOWER_FACTOR and now_s > recorded[test] * host + _SLOWER_S
    ]
    return sorted(found, key=lambda item: item[2] - item[1])


def recorded_times(file: Path) -> dict[str, float]:
    """The committed durations, in seconds by test; none if there is no such file."""
    found: dict[str, float] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def to_record(times: Times, recorded: Mapping[str, float]) -> str:
    """The file of durations after a run: the tests that take RECORDED_FROM_S and more, without their fixtures.

    Tests that were not run keep what was recorded of them.
    """
    kept = dict(recorded) | {test: round(phases.get("call", 0.0), 1) for test, phases in times.items()}
    slow = {test: seconds for test, seconds in sorted(kept.items()) if seconds >= RECORDED_FROM_S}
    return json.dumps(slow, indent=1, ensure_ascii=False) + "\n"


def clock(seconds: float) -> str:
    """`7:05`: minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _fixtures(phases: Mapping[str, float]) -> str:
    rest = [f"{phases[phase]:.1f} s {phase}" for phase in ("setup", "teardown") if phases.get(phase, 0.0) >= 1.0]
    return f" (of it {', '.join(rest)})" if rest else ""
