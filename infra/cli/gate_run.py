"""Runs the parts of `./verbatim test`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.cli.gate_failures import FAILURES_VARIABLE, Failures, failures_of
from infra.cli.gate_plan import Run
from infra.cli.gate_times import TIMES_VARIABLE, Part, Times, times_of
from infra.clock import monotonic_s

REPO_ROOT = Path(__file__).parents[2]
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Done:
    """A part that has run, pytest's exit code, how long each test took, and which failed."""

    part: Part
    code: int
    times: Times
    failures: Failures


def side_by_side(step: Sequence[Run], extra: Sequence[str]) -> list[Done]:
    """Run the parts of a step at the same time. The first prints at once, the others after it, each as a whole."""
    with tempfile.TemporaryDirectory(prefix="verbatim-test-") as folder, ThreadPoolExecutor(len(step)) as threads:
        first, *others = step
        outputs = [Path(folder) / f"{number}.log" for number, _ in enumerate(others)]
        for name, _ in others:
            print(f"── {name}: runs beside {first[0]}, its output follows", flush=True)
        for output in outputs:
            output.touch()
        running = [
            threads.submit(timed_pytest, run, extra, output) for run, output in zip(others, outputs, strict=True)
        ]
        done = [timed_pytest(first, extra)]
        for (name, _), output, other in zip(others, outputs, running, strict=True):
            done.append(other.result())
            print(f"── {name}", flush=True)
            with output.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()
        return done


def timed_pytest(run: Run, extra: Sequence[str], output: Path | None = None) -> Done:
    """Run one part; what it prints goes to `output`, or to the terminal."""
    name, arguments = run
    began_s = monotonic_s()
    with tempfile.TemporaryDirectory(prefix="verbatim-times-") as folder:
        file = Path(folder) / "times.json"
        failed = Path(folder) / "failures.json"
        variables = {TIMES_VARIABLE: str(file), FAILURES_VARIABLE: str(failed)}
        code = run_pytest(arguments, extra, variables, output)
        return Done(Part(name, monotonic_s() - began_s), code, times_of(file), failures_of(failed))


def run_pytest(
    run: Sequence[str], extra: Sequence[str], variables: Mapping[str, str] | None = None, output: Path | None = None
) -> int:
    """Run pytest with these arguments; returns its exit code. A selection in `extra` (as -k) may leave a run empty."""
    code = run_python(["-m", "pytest", *run, *extra], variables, output)
    return 0 if code == NOTHING_COLLECTED and extra else code


def run_python(arguments: Sequence[str], variables: Mapping[str, str] | None = None, output: Path | None = None) -> int:
    """Run Python with these arguments from the project's folder; returns its exit code.

    It prints to the file `output`, or to the terminal.
    """
    environment = os.environ | {"PYTHONPATH": str(REPO_ROOT)} | dict(variables or {})
    command = [sys.executable, *arguments]
    if output is None:
        return subprocess.run(command, cwd=REPO_ROOT, env=environment, check=False).returncode
    with output.open("wb") as file:
        ran = subprocess.run(command, cwd=REPO_ROOT, env=environment, stdout=file, stderr=file, check=False)
    return ran.returncode
