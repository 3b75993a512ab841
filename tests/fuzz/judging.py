"""Holding what was sent against what the log took and the stores show, case by case."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.outcome import GenerationFailed
from tests.e2e.stack import Stack
from tests.faults import rules_log
from tests.faults.evidence import StoredMessage
from tests.faults.facts import STATUS, Facts
from tests.faults.log_evidence import LogReader
from tests.fuzz import oracle
from tests.fuzz.asking import Door
from tests.fuzz.driving import CANARY, Driven
from tests.fuzz.evidence import case_of, facts_of, shown
from tests.fuzz.oracle import Fault

SETTLE_S = 60.0
LATE_CODES = ("engine_timeout", "deadline_exceeded")


@dataclass(slots=True)
class Judged:
    """What is wrong, and what there was, counted."""

    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


async def judged(door: Door, driven: Driven, reader: LogReader) -> Judged:
    """All that a reader finds in the log, once that is at rest (or was waited for long enough)."""
    facts = await asyncio.to_thread(facts_of, reader, SETTLE_S)
    stored = await shown(door, facts.outcomes)
    result = Judged()
    result.faults += [*_plans(driven, facts, result.counts), *_bodies(driven, result.counts), *_log(facts, stored)]
    result.counts["turns"], result.counts["usage records"] = len(facts.generations), len(facts.usage)
    return result


def _plans(driven: Driven, facts: Facts, counts: Counter[str]) -> Iterator[Fault]:
    turns: dict[str, list[str]] = {}
    for generation in facts.generations:
        turns.setdefault(case_of(facts.first_command(generation)), []).append(generation)
    for name, plan in driven.plans.items():
        found, seen = turns.get(name, []), driven.seen[name]
        outcome = facts.outcome(found[0]) if len(found) == 1 else None
        if outcome is None:
            told = f"its client was told {seen.answer.status} {seen.code} {'; '.join(seen.problems)}"
            yield Fault(name, f"{len(found)} turns, or no outcome; {told}")
            continue
        counts[f"streams {STATUS[type(outcome)]}"] += 1
        late = not plan.slow and isinstance(outcome, GenerationFailed) and outcome.failure.code in LATE_CODES
        for what in oracle.judge_answer(plan, outcome):
            yield Fault(name, what, late)
        for what in (*oracle.judge_usage(plan, outcome), *oracle.judge_seen(seen, outcome)):
            yield Fault(name, what)


def _bodies(driven: Driven, counts: Counter[str]) -> Iterator[Fault]:
    for name, case in driven.bodies.items():
        answer = driven.answers[name]
        counts[f"bodies {answer.status or 'unanswered'}"] += 1
        for what in oracle.judge_body(case, answer):
            yield Fault(name, f"{'/'.join(case.notes)}: {what}")


def _log(facts: Facts, stored: Mapping[str, StoredMessage]) -> Iterator[Fault]:
    """Every turn of the log, whoever asked for it: one end, one bill, and the stores show them."""
    for generation in facts.outcomes:
        outcome = facts.outcome(generation)
        assert outcome is not None
        for what in oracle.judge_stored(stored.get(generation), outcome):
            yield Fault(generation, what)
    rules = (
        rules_log.one_end(facts, True),
        rules_log.billed_once(facts, True),
        rules_log.nothing_published_changes(facts),
        rules_log.one_turn_a_key(facts),
        rules_log.one_body_a_key(facts),
    )
    for rule in rules:
        for broken in rule:
            yield Fault(broken.subject, f"{broken.invariant}: {broken.detail}")


def leaks(stack: Stack) -> list[Fault]:
    """Log files that hold what a user said."""
    logs = [file for file in (stack.state / "logs").glob("*.log") if file.is_file()]
    return [Fault("logs", f"{file.name} holds a prompt") for file in logs if CANARY in file.read_text(errors="replace")]
