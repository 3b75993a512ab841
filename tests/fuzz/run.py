"""A fuzz run: a stack of its own, N upstream answers and N request bodies at it, and one oracle that decides.

    ./verbatim test --fuzz 10000 --seed 7

The cases follow from the seed. What went wrong is printed, made smaller where that goes, and saved as a file that
`python -m tests.fuzz.run --case FILE` runs again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from infra.clock import monotonic_s
from tests.e2e.stack import Stack
from tests.fuzz.asking import Door
from tests.fuzz.bodies import BodyCase, bodies, body_from_json, body_to_json
from tests.fuzz.bystander import CASE, PAUSE_S, WORDS, Bystander
from tests.fuzz.drawing import drawn
from tests.fuzz.driving import Driven, Say, drive_bodies, drive_plans
from tests.fuzz.evidence import reader_of
from tests.fuzz.judging import judged, leaks
from tests.fuzz.oracle import Fault
from tests.fuzz.plans import Plan, plan_from_json, plan_to_json
from tests.fuzz.shrinking import shrunk
from tests.fuzz.streams import plans
from tests.fuzz.upstream import Upstream, paced, serving
from tests.fuzz.world import children, fuzzed_stack, restarted

MAX_SAVED = 50
MAX_SHRUNK = 5
MAX_TOLD = 60


@dataclass
class Report:
    """What came of a run. `faults`: what must not be; empty is right. `late`: cases that were in time when alone."""

    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    gaps_s: list[float] = field(default_factory=list)
    cases: dict[str, Plan | BodyCase] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)


async def run_cases(
    stack: Stack, upstream: Upstream, streams: Sequence[Plan], requests: Sequence[BodyCase], say: Say
) -> Report:
    """Send all cases to a running stack beside a bystander, and judge."""
    before, strays = await asyncio.to_thread(children, stack), upstream.strays
    door = Door(int(stack.url.rpartition(":")[2]), stack.key)
    named = {f"runs-{number}": plan for number, plan in enumerate(streams)}
    asked = {f"runb-{number}": case for number, case in enumerate(requests)}
    upstream.plans |= {**named, CASE: paced(WORDS, PAUSE_S)}
    report, driven = Report(cases={**named, **asked}), Driven()
    beside, enough = Bystander(door), asyncio.Event()
    async with asyncio.TaskGroup() as together:
        together.create_task(beside.read_on(enough))
        try:
            await drive_plans(door, named, driven, say)
            await drive_bodies(door, asked, driven, say)
        finally:
            enough.set()
    say("reading the log")
    result = await judged(door, driven, await asyncio.to_thread(reader_of, bootstrap_of(stack)))
    say("judged")
    report.counts, report.gaps_s = result.counts, beside.gaps_s
    report.faults = await _confirmed(stack, upstream, door, result.faults, named, report, say)
    report.faults += [Fault("bystander", broken) for broken in beside.broken]
    if upstream.strays != strays:
        report.faults.append(Fault("redirects", f"{upstream.strays - strays} were followed"))
    after = await asyncio.to_thread(children, stack)
    report.faults += [Fault("processes", changed) for changed in restarted(before, after)]
    report.faults += await asyncio.to_thread(leaks, stack)
    health = await door.call("GET", "/health")
    if health.status != 200:
        report.faults.append(Fault("health", f"{health.status} {health.body[:200]!r}"))
    return report


async def _confirmed(
    stack: Stack, upstream: Upstream, door: Door, faults: list[Fault], named: dict[str, Plan], report: Report, say: Say
) -> list[Fault]:
    """`faults` without those of cases that missed a deadline in the crowd and meet it alone, which are told apart."""
    late = list(dict.fromkeys(fault.case for fault in faults if fault.late))
    if not late:
        return faults
    say(f"{len(late)} missed a deadline that they should meet: once more, alone")
    wrong = await wrong_of(stack, upstream, door, [named[name] for name in late], "late", at_once=1)
    report.late = [name for name, bad in zip(late, wrong, strict=True) if not bad]
    return [fault for fault in faults if not (fault.late and fault.case in report.late)]


async def wrong_of(
    stack: Stack, upstream: Upstream, door: Door, played: Sequence[Plan], mark: str, *, at_once: int = 8
) -> list[bool]:
    """Whether anything is wrong with each of these, played now. `mark` keeps them apart from all others."""
    named = {f"{mark}-{number}": plan for number, plan in enumerate(played)}
    upstream.plans |= named
    driven, reader = Driven(), await asyncio.to_thread(reader_of, bootstrap_of(stack), from_now=True)
    await drive_plans(door, named, driven, lambda _: None, at_once=at_once)
    bad = {fault.case for fault in (await judged(door, driven, reader)).faults}
    return [name in bad for name in named]


async def shrink(stack: Stack, upstream: Upstream, report: Report, say: Say) -> None:
    """Make the first plans that went wrong smaller, in the report."""
    door = Door(int(stack.url.rpartition(":")[2]), stack.key)
    wrong = dict.fromkeys(fault.case for fault in report.faults)
    for number, name in enumerate([name for name in wrong if isinstance(report.cases.get(name), Plan)][:MAX_SHRUNK]):
        rounds = 0

        async def still_wrong(played: Sequence[Plan], number: int = number) -> list[bool]:
            nonlocal rounds
            rounds += 1
            return await wrong_of(stack, upstream, door, played, f"shrink{number}x{rounds}")

        plan = report.cases[name]
        assert isinstance(plan, Plan)
        report.cases[name] = smaller = await shrunk(plan, still_wrong)
        say(f"{name}: {len(plan.events)} events, made {len(smaller.events)} in {rounds} rounds")


def bootstrap_of(stack: Stack) -> str:
    return str(stack.description["kafka"]["bootstrap"])


def summary(report: Report) -> str:
    """What was looked at, and what was wrong, for people."""
    lines = [f"{what:<28}{count:>8}" for what, count in sorted(report.counts.items())]
    if report.gaps_s:
        longest = f"{median(report.gaps_s) * 1000:.0f} ms median, {max(report.gaps_s) * 1000:.0f} ms most"
        lines.append(f"{len(report.gaps_s)} paced streams beside it, longest gaps: {longest}")
    if report.late:
        lines.append(f"{len(report.late)} were late in the crowd and in time alone")
    lines += [f"{fault.case}: {fault.what}" for fault in report.faults[:MAX_TOLD]]
    lines += [f"… and {len(report.faults) - MAX_TOLD} more"] if len(report.faults) > MAX_TOLD else []
    return "\n".join(lines)


def save(report: Report, folder: Path) -> list[Path]:
    """A file for each case that went wrong, to be run again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in list(dict.fromkeys(fault.case for fault in report.faults if fault.case in report.cases))[:MAX_SAVED]:
        case = report.cases[name]
        stored = plan_to_json(case) if isinstance(case, Plan) else body_to_json(case)
        stored["faults"] = [fault.what for fault in report.faults if fault.case == name]
        file = folder / f"{name}.json"
        file.write_text(json.dumps(stored, indent=1))
        files.append(file)
    return files


def load(file: Path) -> Plan | BodyCase:
    """Raises ValueError for a file that holds no case."""
    try:
        stored = json.loads(file.read_text())
        return plan_from_json(stored) if "upstream" in stored else body_from_json(stored)
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{file} holds no case ({type(error).__name__})") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything was right; 1: something was not, or the stack did not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many of each")
    parser.add_argument("--seed", type=int, help="what they are drawn from (default: another one each time)")
    parser.add_argument(
        "--folder", type=Path, help="an empty folder (default: a temporary one, deleted if all is right)"
    )
    parser.add_argument("--case", type=Path, action="append", default=[], help="only this saved case; may be repeated")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="verbatim-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    if given.case:
        cases = [load(file) for file in given.case]
        streams = [case for case in cases if isinstance(case, Plan)]
        requests = [case for case in cases if isinstance(case, BodyCase)]
    else:
        streams, requests = drawn(plans(), given.count, seed), drawn(bodies(), given.count, seed)
    began_s = monotonic_s()
    print(f"seed {seed}, {len(streams)} upstream streams and {len(requests)} request bodies, in {folder}", flush=True)

    def say(what: str) -> None:
        print(f"{monotonic_s() - began_s:7.1f} s  {what}", flush=True)

    async def run(stack: Stack, upstream: Upstream) -> Report:
        report = await run_cases(stack, upstream, streams, requests, say)
        print(summary(report), flush=True)
        save(report, folder / "cases")
        await shrink(stack, upstream, report, say)
        return report

    # Stopped from outside, it takes its stack down as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with serving({}) as upstream, fuzzed_stack(folder, upstream.address) as stack:
        say("the stack is up")
        report = asyncio.run(run(stack, upstream))
    if not report.faults:
        print(f"\neverything was right (seed {seed})")
        if given.folder is None:
            shutil.rmtree(folder)
        return 0
    files = save(report, folder / "cases")
    print(f"\n{len(report.faults)} faults. Seed {seed}; the stack's folder is {folder}")
    for file in files[:20]:
        print(f"  again: python -m tests.fuzz.run --case {file}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
