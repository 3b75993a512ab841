"""A fault run: a stack of its own, a workload, a nemesis, and one checker that decides.

    ./verbatim test --faults 200 --seed 7

The schedule follows from the seed alone. What is broken at the end is printed with the seed, the schedule and the
command that repeats it, and the folder with all logs and data stays.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from infra.clock import monotonic_s
from tests.faults.checker import check, table
from tests.faults.evidence import Evidence, Violation
from tests.faults.nemesis import Nemesis, TargetMissing
from tests.faults.recovery import GIVE_UP_S, RECOVERY_LIMIT_S, time_to_recover
from tests.faults.schedule import ONE_OF_EACH, Step, schedule
from tests.faults.stack_under_test import NotStarted, can_mount, running
from tests.faults.store_evidence import StoresUnreadable, collect
from tests.faults.workload import Workload

Say = Callable[[str], None]
CLIENTS = 4
WARM_UP_S = 2.0
QUIESCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Struck:
    """One step: what happened, and how long a new prompt took to complete afterwards (None: it never did)."""

    step: Step
    at_s: float
    recovered_s: float | None


@dataclass
class Report:
    """What came of a run."""

    seed: int
    steps: tuple[Step, ...]
    struck: list[Struck] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    evidence: Evidence = field(default_factory=lambda: Evidence((), (), ()))

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault that struck, as evidence names them: "<kind> <role> …"."""
        return tuple(
            f"{fault.kind} {fault.target.partition('-')[0]} {fault}" for one in self.struck for fault in one.step.faults
        )


async def run_faults(
    folder: Path, seed: int, steps: Sequence[Step], say: Say, enough: asyncio.Event | None = None
) -> Report:
    """Let `steps` strike a new stack in `folder`, an empty one, under load, and judge what it did.

    Once `enough` is set no further step strikes; what there is by then is judged. Raises NotStarted; anything else
    that goes wrong is a violation.
    """
    report = Report(seed, tuple(steps))
    began_s = monotonic_s()
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    async with running(folder, small_disks=can_mount()) as stack:
        say(f"{monotonic_s() - began_s:6.1f} s  the stack is up")
        nemesis = Nemesis(stack, lambda done: say(f"{monotonic_s() - began_s:6.1f} s    {done}"))
        load = Workload(stack.url, stack.key, folder / "journal", seed, clients=CLIENTS)
        try:
            async with asyncio.TaskGroup() as together:
                users = together.create_task(load.run())
                await asyncio.sleep(WARM_UP_S)
                for step in steps:
                    if enough is not None and enough.is_set():
                        break
                    await asyncio.sleep(step.delay_s)
                    at_s = monotonic_s() - began_s
                    say(f"{at_s:6.1f} s  {step}")
                    try:
                        await nemesis.strike(step)
                    except* (TargetMissing, NotStarted) as group:
                        report.violations += [Violation("I15", str(step), str(error)) for error in group.exceptions]
                    recovered_s = await time_to_recover(stack.url, stack.key)
                    report.struck.append(Struck(step, at_s, recovered_s))
                    say(f"{monotonic_s() - began_s:6.1f} s    a prompt completed after {_seconds(recovered_s)}")
                    if recovered_s is None or users.done():
                        break
                load.stop()
            await load.in_calm()
            left = await load.quiesce(QUIESCE_S)
            say(f"{monotonic_s() - began_s:6.1f} s  {load.sent} prompts sent; reading the evidence")
            report.violations += [Violation("I1", name, "acknowledged, and still open at the end") for name in left]
            try:
                report.evidence = await asyncio.to_thread(collect, stack.state, folder / "journal", report.faults)
            except StoresUnreadable as error:
                report.violations.append(Violation("I15", "the stores", f"cannot be read at the end: {error}"))
            if different := await stack.audited():
                report.violations.append(Violation("I9", "usage audit", different))
        finally:
            await load.aclose()
    report.violations += [late for one in report.struck if (late := _late(one)) is not None]
    report.violations += await asyncio.to_thread(check, report.evidence)
    return report


async def _until_stopped(folder: Path, seed: int, steps: Sequence[Step]) -> Report:
    """`run_faults`, printing. The first Ctrl-C or SIGTERM ends the schedule, the second one everything."""
    running_here, enough = asyncio.current_task(), asyncio.Event()
    assert running_here is not None

    def stop() -> None:
        if enough.is_set():
            running_here.cancel()
        enough.set()
        print("no further step; once more: stop everything at once", file=sys.stderr)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return await run_faults(folder, seed, steps, lambda line: print(line, flush=True), enough)


def _late(one: Struck) -> Violation | None:
    if one.recovered_s is not None and one.recovered_s <= RECOVERY_LIMIT_S:
        return None
    return Violation("I15", str(one.step), f"a prompt completed after {_seconds(one.recovered_s)}")


def _seconds(taken_s: float | None) -> str:
    return f"{taken_s:.1f} s" if taken_s is not None else f"more than {GIVE_UP_S:g} s"


def summary(report: Report) -> str:
    """What struck, how quickly the stack was well again, and what was broken, for people."""
    lines = ["", f"{'fault':<14}{'times':>6}{'median':>10}{'longest':>10}   until a new prompt completed"]
    by_kind: dict[str, list[float]] = {}
    for one in report.struck:
        kind = " + ".join(fault.kind for fault in one.step.faults) if len(one.step.faults) < 2 else "two at once"
        by_kind.setdefault(kind, []).append(GIVE_UP_S if one.recovered_s is None else one.recovered_s)
    for kind, taken in sorted(by_kind.items()):
        lines.append(f"{kind:<14}{len(taken):>6}{median(taken):>8.1f} s{max(taken):>8.1f} s")
    lines += ["", table(report.evidence, report.violations)]
    return "\n".join(lines)


def repeat(seed: int, count: int) -> str:
    """The command that runs the same schedule again."""
    return f"./verbatim test --faults {count} --seed {seed}"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every promise held; 1: at least one was broken, or the stack did not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    parser.add_argument("--faults", type=int, required=True, help="how many steps to draw; 0: one of each main kind")
    parser.add_argument("--seed", type=int, help="what they are drawn from (default: another one each time)")
    parser.add_argument("--folder", type=Path, help="an empty folder (default: a temporary one, deleted when all held)")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    steps = schedule(seed, given.faults) if given.faults else ONE_OF_EACH
    folder = given.folder or Path(tempfile.mkdtemp(prefix="verbatim-faults-"))
    print(f"seed {seed}, {len(steps)} steps, in {folder}", flush=True)
    try:
        report = asyncio.run(_until_stopped(folder, seed, steps))
    except asyncio.CancelledError:
        print(f"interrupted; everything was stopped, {folder} stays", file=sys.stderr)
        return 1
    except NotStarted as error:
        print(f"the stack did not start: {error}", file=sys.stderr)
        return 1
    print(summary(report))
    if not report.violations:
        print(f"\nevery promise held (seed {seed})")
        if given.folder is None:
            shutil.rmtree(folder)
        return 0
    print(f"\n{len(report.violations)} broken promises. Seed {seed}; the schedule was:")
    for number, step in enumerate(steps, 1):
        print(f"  {number:>3}. after {step.delay_s} s: {step}")
    print(f"Everything is in {folder}. Again: {repeat(seed, given.faults)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
