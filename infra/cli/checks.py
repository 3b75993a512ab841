"""`./verbatim check` and `./verbatim test`: the same commands as in CI."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from infra.cli import gate_run
from infra.cli.browser_path import NoBrowser, browser_path
from infra.cli.gate_failures import failure_lines
from infra.cli.gate_plan import TESTS, plan, quick_plan, suite_names
from infra.cli.gate_times import Part, recorded_times, report, to_record
from infra.clock import monotonic_s

DURATIONS = TESTS / "durations.json"
QUICK = "quick"

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
    record: Annotated[
        bool,
        typer.Option("--record-durations", help="Write the times of this run's tests into tests/durations.json."),
    ] = False,
) -> None:
    """Check, then test: `test [quick|unit|integration|…] [PYTEST ARGUMENTS]`. Unit tests run two at a time.

    Tests with servers run in two parts side by side; the output of the second part follows at the end.

    At the end: the ten slowest tests, those that have become slower than tests/durations.json says, the whole time, and
    a line for each test that failed.

    quick: the checks, the unit tests and one turn through a whole stack, in five minutes at most. CI runs all.

    Without a Chromium the page's tests (web) are left out with a message, unless they are named or CI is set.

    With --faults N: start a stack in a temporary folder, let N faults strike it under load, check every promise, and
    print the seed. Exits with 1 if a promise was broken, and prints the schedule and the command to repeat it.

    With --fuzz N: start a stack in a temporary folder, let N upstreams answer it and send it N requests, most of them
    wrong, check what became of each, and print the seed. Exits with 1 if anything was wrong, and saves each such case.
    """
    if seed is not None and faults is None and fuzz is None:
        raise typer.BadParameter("--seed needs --faults N or --fuzz N")
    if faults is not None and fuzz is not None:
        raise typer.BadParameter("--faults and --fuzz are runs of their own")
    if faults is not None:
        raise typer.Exit(gate_run.run_python(fault_run(faults, seed)))
    if fuzz is not None:
        raise typer.Exit(gate_run.run_python(fuzz_run(fuzz, seed)))
    suites = suite_names()
    wanted = [argument for argument in context.args if argument in suites]
    extra = [argument for argument in context.args if argument not in (*suites, QUICK)]
    quick = QUICK in context.args
    if quick and wanted:
        raise typer.BadParameter(f"{QUICK} is a selection of its own: leave out {', '.join(wanted)}")
    left_out = None if wanted or quick or os.environ.get("CI") else _without_browser()
    if left_out is not None:
        suites.remove("web")
    began_s = monotonic_s()
    if not no_check:
        check()
    parts = [Part("checks", monotonic_s() - began_s)]
    times: dict[str, Mapping[str, float]] = {}
    failures: dict[str, str] = {}
    failed = False
    for step in quick_plan() if quick else plan(wanted or suites):
        for done in gate_run.side_by_side(step, extra):
            parts.append(done.part)
            times |= done.times
            failures |= done.failures
            failed |= done.code != 0
    print("\n".join(report(parts, monotonic_s() - began_s, times, recorded_times(DURATIONS))))
    if record:
        DURATIONS.write_text(to_record(times, recorded_times(DURATIONS)))
    if left_out is not None:
        print(f"Left out: tests/web. {left_out[0].upper()}{left_out[1:]}.")
    print("".join(f"{line}\n" for line in failure_lines(failures)), end="", flush=True)
    if failed:
        raise typer.Exit(1)


def _without_browser() -> str | None:
    """Why the page cannot be tested here."""
    try:
        browser_path()
    except NoBrowser as missing:
        return str(missing)
    return None


def fault_run(faults: int, seed: int | None) -> list[str]:
    """Python's arguments for a run of so many faults; `seed` None: another one each time."""
    return ["-m", "tests.faults.run", "--faults", str(faults), *(["--seed", str(seed)] if seed is not None else [])]


def fuzz_run(count: int, seed: int | None) -> list[str]:
    """Python's arguments for a run of so many cases of each kind; `seed` None: others each time."""
    return ["-m", "tests.fuzz.run", "--count", str(count), *(["--seed", str(seed)] if seed is not None else [])]


def _passes(name: str, arguments: Sequence[str]) -> bool:
    print(f"── {name}", flush=True)
    return gate_run.run_python(arguments) == 0
