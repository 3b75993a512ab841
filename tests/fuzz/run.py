"""A fuzz run: a stack of its own, N upstream answers and N request bodies at it, and one oracle that decides.

    ./verbatim test --fuzz 10000 --seed 7

The cases follow from the seed. What went wrong is printed with its case, and each case is saved as a file that
`python -m tests.fuzz.run --case FILE` runs again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from infra.clock import monotonic_s
from tests.e2e.stack import Stack
from tests.faults import rules_log
from tests.faults.evidence import StoredMessage
from tests.faults.facts import STATUS, Facts
from tests.fuzz import oracle
from tests.fuzz.asking import Door
from tests.fuzz.bodies import BodyCase, bodies, body_from_json, body_to_json
from tests.fuzz.bystander import CASE, PAUSE_S, WORDS, Bystander
from tests.fuzz.drawing import drawn
from tests.fuzz.driving import CANARY, Driven, Say, drive_bodies, drive_plans
from tests.fuzz.evidence import case_of, facts_of, shown
from tests.fuzz.oracle import Fault
from tests.fuzz.plans import Plan, plan_from_json, plan_to_json
from tests.fuzz.streams import plans
from tests.fuzz.upstream import Upstream, paced, serving
from tests.fuzz.world import children, fuzzed_stack, restarted

SETTLE_S = 60.0
LATE_CODES = ("engine_timeout", "deadline_exceeded")
MOST_SAVED = 50


@dataclass
class Report:
    """What came of a run. `faults`: what must not be; empty is right."""

    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    gaps_s: list[float] = field(default_factory=list)
    cases: dict[str, Plan | BodyCase] = field(default_factory=dict)


async def run_cases(
    stack: Stack,
    upstream: Upstream,
    streams: Sequence[Plan],
    requests: Sequence[BodyCase],
    say: Say,
    *,
    mark: str = "run",
) -> Report:
    """Send all cases to a running stack beside a bystander, and judge. `mark` keeps runs on one stack apart."""
    before = children(stack)
    door = Door(int(stack.url.rpartition(":")[2]), stack.key)
    named = {f"{mark}s-{number}": plan for number, plan in enumerate(streams)}
    asked = {f"{mark}b-{number}": case for number, case in enumerate(requests)}
    report, driven = Report(cases={**named, **asked}), Driven()
    upstream.plans |= named | {CASE: paced(WORDS, PAUSE_S)}
    beside, enough = Bystander(door), asyncio.Event()
    async with asyncio.TaskGroup() as together:
        together.create_task(beside.read_on(enough))
        try:
            await drive_plans(door, named, driven, say)
            await drive_bodies(door, asked, driven, say)
        finally:
            enough.set()
    report.gaps_s = beside.gaps_s
    report.faults += [Fault("bystander", broken) for broken in beside.broken]
    say("reading the log")
    facts = await asyncio.to_thread(facts_of, str(stack.description["kafka"]["bootstrap"]), SETTLE_S)
    stored = await shown(door, facts.outcomes)
    report.faults += _judge_all(driven, facts, stored, report.counts)
    if upstream.strays:
        report.faults.append(Fault("redirects", f"{upstream.strays} were followed"))
    report.faults += [
        Fault("processes", changed) for changed in restarted(before, await asyncio.to_thread(children, stack))
    ]
    report.faults += await asyncio.to_thread(_leaks, stack)
    health = await door.call("GET", "/health")
    if health.status != 200:
        report.faults.append(Fault("health", f"{health.status} {health.body[:200]!r}"))
    return report


def _judge_all(driven: Driven, facts: Facts, stored: dict[str, StoredMessage], counts: Counter[str]) -> list[Fault]:
    faults: list[Fault] = []
    by_case: dict[str, list[str]] = {}
    for generation in facts.generations:
        by_case.setdefault(case_of(facts.first_command(generation)), []).append(generation)
    for name, plan in driven.plans.items():
        found = by_case.get(name, [])
        seen = driven.seen[name]
        outcome = facts.outcome(found[0]) if found else None
        if len(found) != 1 or outcome is None:
            told = f"its client was told {seen.answer.status} {seen.code}"
            faults.append(
                Fault(name, f"{len(found)} turns, {'no' if outcome is None else 'an'} outcome; {told} {seen.problems}")
            )
            continue
        counts[f"streams {STATUS[type(outcome)]}"] += 1
        wrong = [
            *oracle.judge_answer(plan, outcome),
            *oracle.judge_usage(plan, outcome),
            *oracle.judge_seen(seen, outcome),
        ]
        late = not plan.slow and getattr(getattr(outcome, "failure", None), "code", None) in LATE_CODES
        faults += [Fault(name, what, late) for what in wrong]
    for name, case in driven.bodies.items():
        answer = driven.answers[name]
        counts[f"bodies {answer.status or 'unanswered'}"] += 1
        faults += [Fault(name, f"{'/'.join(case.notes)}: {what}") for what in oracle.judge_body(case, answer)]
    for generation in facts.outcomes:
        outcome = facts.outcome(generation)
        assert outcome is not None
        faults += [Fault(generation, what) for what in oracle.judge_stored(stored.get(generation), outcome)]
    for rule in (rules_log.one_end(facts, True), rules_log.billed_once(facts, True)):
        faults += [Fault(broken.subject, f"{broken.invariant}: {broken.detail}") for broken in rule]
    for rule in (
        rules_log.nothing_published_changes(facts),
        rules_log.one_turn_a_key(facts),
        rules_log.one_body_a_key(facts),
    ):
        faults += [Fault(broken.subject, f"{broken.invariant}: {broken.detail}") for broken in rule]
    counts["turns"], counts["usage records"] = len(facts.generations), len(facts.usage)
    return faults


def _leaks(stack: Stack) -> list[Fault]:
    """Log files that hold what a user said."""
    logs = [file for file in (stack.state / "logs").glob("*.log") if file.is_file()]
    return [Fault("logs", f"{file.name} holds a prompt") for file in logs if CANARY in file.read_text(errors="replace")]


def summary(report: Report) -> str:
    """What was looked at, and what was wrong, for people."""
    lines = [f"{what:<28}{count:>8}" for what, count in sorted(report.counts.items())]
    if report.gaps_s:
        longest = f"{median(report.gaps_s) * 1000:.0f} ms median, {max(report.gaps_s) * 1000:.0f} ms most"
        lines.append(f"{len(report.gaps_s)} paced streams beside it, longest gaps: {longest}")
    lines += [f"{fault.case}: {fault.what}" for fault in report.faults[:60]]
    lines += [f"… and {len(report.faults) - 60} more"] if len(report.faults) > 60 else []
    return "\n".join(lines)


def save(report: Report, folder: Path) -> list[Path]:
    """A file for each case that went wrong, to be run again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in list(dict.fromkeys(fault.case for fault in report.faults if fault.case in report.cases))[:MOST_SAVED]:
        case = report.cases[name]
        stored = plan_to_json(case) if isinstance(case, Plan) else body_to_json(case)
        file = folder / f"{name}.json"
        file.write_text(
            json.dumps(stored | {"faults": [fault.what for fault in report.faults if fault.case == name]}, indent=1)
        )
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
        "--folder", type=Path, help="an empty folder (default: a temporary one, deleted when all was right)"
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

    with serving({}) as upstream, fuzzed_stack(folder, upstream.address) as stack:
        say("the stack is up")
        report = asyncio.run(run_cases(stack, upstream, streams, requests, say))
    print(summary(report))
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
