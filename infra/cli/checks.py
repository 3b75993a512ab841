"""`./verbatim check` and `./verbatim test`: the same commands as in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

REPO_ROOT = Path(__file__).parents[2]
TESTS = REPO_ROOT / "tests"
UNIT_PROCESSES = 2
NOTHING_COLLECTED = 5

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
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="S", min=0, help="What the faults are drawn from; needs --faults.")
    ] = None,
) -> None:
    """Check, then test: `test [unit|integration|…] [PYTEST ARGUMENTS]`. Unit tests run two at a time.

    With --faults N: start a stack in a temporary folder, let N faults strike it under load, check every promise, and
    print the seed. Exit 1 when any promise was broken; the schedule and the command to repeat it are printed then.
    """
    if seed is not None and faults is None:
        raise typer.BadParameter("--seed needs --faults N")
    if faults is not None:
        raise typer.Exit(_run(fault_run(faults, seed)))
    suites = suite_names()
    wanted = [argument for argument in context.args if argument in suites]
    extra = [argument for argument in context.args if argument not in suites]
    if not no_check:
        check()
    results = [run_pytest(arguments, extra) for arguments in plan(wanted or suites)]
    if any(results):
        raise typer.Exit(1)


def suite_names() -> list[str]:
    """The folders of tests/ that hold tests, unit tests first."""
    names = [folder.name for folder in TESTS.iterdir() if any(folder.rglob("test_*.py"))]
    return sorted(names, key=lambda name: (name != "unit", name))


def plan(suites: Sequence[str]) -> list[list[str]]:
    """Pytest's arguments, a run each: unit tests share the cores, the others share one stack of servers."""
    runs = []
    if "unit" in suites:
        runs.append(["-n", str(UNIT_PROCESSES), str(TESTS / "unit")])
    others = [str(TESTS / suite) for suite in suites if suite != "unit"]
    if others:
        runs.append(others)
    return runs


def fault_run(faults: int, seed: int | None) -> list[str]:
    """Python's arguments for a run of so many faults; `seed` None: another one each time."""
    return ["-m", "tests.faults.run", "--faults", str(faults), *(["--seed", str(seed)] if seed is not None else [])]


def run_pytest(arguments: Sequence[str], extra: Sequence[str]) -> int:
    """Run pytest; returns its exit code, 0 also when a selection in `extra` (as -k) leaves a suite empty."""
    code = _run(["-m", "pytest", *arguments, *extra])
    return 0 if code == NOTHING_COLLECTED and extra else code


def _passes(name: str, arguments: Sequence[str]) -> bool:
    print(f"── {name}", flush=True)
    return _run(arguments) == 0


def _run(arguments: Sequence[str]) -> int:
    environment = dict(os.environ) | {"PYTHONPATH": str(REPO_ROOT)}
    return subprocess.run([sys.executable, *arguments], cwd=REPO_ROOT, env=environment, check=False).returncode
