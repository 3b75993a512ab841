"""Which tests run together: the parts of `./verbatim test`, and which of them run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"
UNIT_PROCESSES = 2
# No servers and no waiting: as many at once as there are processes.
PURE = ("unit", "sim", "histories", "fuzz/test_reference.py")
# Each starts a whole product of its own. All others share one set of servers, by prefixes.
STACKS = ("e2e", "faults", "fuzz", "releases", "web")
ONE_TURN = "e2e/test_spine.py::test_an_answer_streams_and_reads_back_byte_for_byte"

Run = tuple[str, list[str]]
"""A part's name and pytest's arguments for it."""


def suite_names() -> list[str]:
    """The folders of tests/ that hold tests, unit tests first."""
    names = [folder.name for folder in TESTS.iterdir() if any(folder.rglob("test_*.py"))]
    return sorted(names, key=lambda name: (name != "unit", name))


def plan(suites: Sequence[str]) -> list[list[Run]]:
    """The runs of these suites: steps one after the other, the runs of a step side by side.

    Tests without servers share the cores. Those with servers wait for most of their time: one of them at a time leaves
    half of two cores unused.
    """
    wanted = [TESTS / suite for suite in suites]
    pure, stacks = _within(PURE, wanted), _within(STACKS, wanted)
    servers = [suite for suite in wanted if suite not in (*pure, *stacks)]
    steps: list[list[Run]] = [
        [("no servers", _shared(pure))],
        [("servers", _without(servers, stacks)), ("stacks", _without(stacks, pure))],
    ]
    wanted_steps = [[(name, run) for name, run in step if run] for step in steps]
    return [step for step in wanted_steps if step]


def quick_plan() -> list[list[Run]]:
    """What tells most in the least time: the unit tests, and one turn through the whole product."""
    return [[("unit", _shared([TESTS / "unit"]))], [("one turn", [f"{TESTS}/{ONE_TURN}"])]]


def _within(paths: Sequence[str], wanted: Sequence[Path]) -> list[Path]:
    return [TESTS / path for path in paths if any((TESTS / path).is_relative_to(suite) for suite in wanted)]


def _shared(paths: Sequence[Path]) -> list[str]:
    return ["-n", str(UNIT_PROCESSES), *map(str, paths)] if paths else []


def _without(paths: Sequence[Path], others: Sequence[Path]) -> list[str]:
    """Pytest's arguments for these paths without what lies below them and belongs to another run."""
    below = [other for other in others if any(other.is_relative_to(path) for path in paths)]
    return [*map(str, paths), *(f"--ignore={path}" for path in below)] if paths else []
