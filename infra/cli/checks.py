"""`./verbatim check` and `./verbatim test`: the same commands as in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.browser_path import NoBrowser, browser_path

REPO_ROOT = Path(__file__).parents[2]
TESTS = REPO_ROOT / "tests"
UNIT_PROCESSES = 2
NOTHING_COLLECTED = 5
# Run after the others, with servers of their own: about half of the time.
SECOND_RUN = (
    "e2e", "faults", "fuzz", "histories", "integration/guarantees", "integration/replay", "releases", "sim",
)  # fmt: skip
SLOWEST = ("--durations=15", "--durations-min=10")

CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy", ("-m", "mypy")),
    ("import-linter", ("-c", "from importlinter.cli import lint_imports_command as run; run()")),
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)
    app.command()(check)


def check() -> None:
    """Run ruff, mypy and import-linter; exit 1 when any of them finds something."""
    failed = [name for name, arguments in CHECKS if not _passes(name, arguments)]
    if failed:
        print(f"failed: {', '.join(failed)}")
        raise typer.Exit(1)


def test(
    context: typer.Context,
    no_check: Annotated[bool, typer.Option("--no-check", help="Leave out ruff, mypy and import-linter.")] = False,
    faults: Annotated[
        int | None,
        typer.Option("--faults", metavar="N", min=1, help="Only this: N random faults on a stack of its own."),
    ] = None,
    fuzz: Annotated[
        int | None,
        typer.Option(
            "--fuzz", metavar="N", min=1, help="Only this: N upstream answers and N request bodies at a stack."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="S", min=0, help="Seed of the random choices; needs --faults or --fuzz."),
    ] = None,
) -> None:
    """Check, then test: `test [unit|integration|…] [PYTEST ARGUMENTS]`. Unit tests run two at a time.

    Without a Chromium the page's tests (web) are left out, and that is said, unless they are asked for or CI is set.

    With --faults N: start a stack in a temporary folder, let N faults strike it under load, check every promise, and
    print the seed. Exit 1 when any promise was broken; the schedule and the command to repeat it are printed then.

    With --fuzz N: start a stack in a temporary folder, let N upstreams answer it and send it N requests, most of them
    wrong, check what became of each, and print the seed. Exit 1 when anything was not right; each such case is saved.
    """
    if seed is not None and faults is None and fuzz is None:
        raise typer.BadParameter("--seed needs --faults N or --fuzz N")
    if faults is not None and fuzz is not None:
        raise typer.BadParameter("--faults and --fuzz are runs of their own")
    if faults is not None:
        raise typer.Exit(_run(fault_run(faults, seed)))
    if fuzz is not None:
        raise typer.Exit(_run(fuzz_run(fuzz, seed)))
    suites = suite_names()
    wanted = [argument for argument in context.args if argument in suites]
    extra = [argument for argument in context.args if argument not in suites]
    left_out = None if wanted or os.environ.get("CI") else _without_browser()
    if left_out is not None:
        suites.remove("web")
    if not no_check:
        check()
    results = [run_pytest(run, extra) for run in plan(wanted or suites)]
    if left_out is not None:
        print(f"Left out: tests/web. {left_out[0].upper()}{left_out[1:]}.")
    if any(results):
        raise typer.Exit(1)


def _without_browser() -> str | None:
    """Why the page cannot be tested here."""
    try:
        browser_path()
    except NoBrowser as missing:
        return str(missing)
    return None


def suite_names() -> list[str]:
    """The folders of tests/ that hold tests, unit tests first."""
    names = [folder.name for folder in TESTS.iterdir() if any(folder.rglob("test_*.py"))]
    return sorted(names, key=lambda name: (name != "unit", name))


def plan(suites: Sequence[str]) -> list[list[str]]:
    """Pytest's arguments, a list a run; the runs go one after the other.

    Unit tests share the cores. The others have one stack of servers a run: side by side they took as long, and what a
    test may expect of time no longer held. Those that replay whole logs do not read the log of all the others' tests.
    """
    runs = [["-n", str(UNIT_PROCESSES), str(TESTS / "unit")]] if "unit" in suites else []
    others = [TESTS / suite for suite in suites if suite != "unit"]
    elsewhere = [TESTS / path for path in SECOND_RUN if any((TESTS / path).is_relative_to(suite) for suite in others)]
    first = [str(suite) for suite in others if suite not in elsewhere]
    second = [str(path) for path in elsewhere]
    if first:
        first += [f"--ignore={path}" for path in second]
    return [*runs, *([*SLOWEST, *run] for run in (first, second) if run)]


def fault_run(faults: int, seed: int | None) -> list[str]:
    """Python's arguments for a run of so many faults; `seed` None: another one each time."""
    return ["-m", "tests.faults.run", "--faults", str(faults), *(["--seed", str(seed)] if seed is not None else [])]


def fuzz_run(count: int, seed: int | None) -> list[str]:
    """Python's arguments for a run of so many cases of each kind; `seed` None: others each time."""
    return ["-m", "tests.fuzz.run", "--count", str(count), *(["--seed", str(seed)] if seed is not None else [])]


def run_pytest(run: Sequence[str], extra: Sequence[str]) -> int:
    """Run pytest with these arguments; returns its exit code. A selection in `extra` (as -k) may leave a run empty."""
    code = _run(["-m", "pytest", *run, *extra])
    return 0 if code == NOTHING_COLLECTED and extra else code


def _passes(name: str, arguments: Sequence[str]) -> bool:
    print(f"── {name}", flush=True)
    return _run(arguments) == 0


def _run(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, *arguments], cwd=REPO_ROOT, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(REPO_ROOT)}
