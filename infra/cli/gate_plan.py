"""Which tests run together: the parts of `./verbatim test`, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"
UNIT_PROCESSES = 2
# Run after the others, with servers of their own: about half of the time.
SECOND_RUN = (
    "e2e", "faults", "fuzz", "histories", "integration/guarantees", "integration/replay", "releases", "sim",
)  # fmt: skip
ONE_TURN = "e2e/test_spine.py::test_an_answer_streams_and_reads_back_byte_for_byte"

Run = tuple[str, list[str]]
"""A part's name and pytest's arguments for it."""


def suite_names() -> list[str]:
    """The folders of tests/ that hold tests, unit tests first."""
    names = [folder.name for folder in TESTS.iterdir() if any(folder.rglob("test_*.py"))]
    return sorted(names, key=lambda name: (name != "unit", name))


def plan(suites: Sequence[str]) -> list[Run]:
    """The runs of these suites.

    Unit tests share the cores. The others have one stack of servers a run: side by side they took as long, and what a
    test may expect of time no longer held. Those that replay whole logs do not read the log of all the others' tests.
    """
    others = [TESTS / suite for suite in suites if suite != "unit"]
    elsewhere = [TESTS / path for path in SECOND_RUN if any((TESTS / path).is_relative_to(suite) for suite in others)]
    first = [str(suite) for suite in others if suite not in elsewhere]
    second = [str(path) for path in elsewhere]
    if first:
        first += [f"--ignore={path}" for path in second]
    runs = [("unit", _unit()), ("servers", first), ("stacks", second)]
    return [(name, run) for name, run in runs if run and (name != "unit" or "unit" in suites)]


def quick_plan() -> list[Run]:
    """What tells most in the least time: the unit tests, and one turn through the whole product."""
    return [("unit", _unit()), ("one turn", [f"{TESTS}/{ONE_TURN}"])]


def _unit() -> list[str]:
    return ["-n", str(UNIT_PROCESSES), str(TESTS / "unit")]
