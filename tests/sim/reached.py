"""What a number of runs came across: a simulation that never meets a zombie proves nothing about zombies."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.generation import AttemptStarted
from tests.faults.evidence import Cut
from tests.faults.facts import Facts
from tests.sim.plans import Plan
from tests.sim.simulate import simulate

REACHES = (
    "a further attempt",
    "a command that came twice",
    "a job that came twice",
    "an outcome that came twice",
    "a bill that came twice",
    "chunks that do not count",
    "a cancelled turn",
    "a failed turn",
    "a completed turn",
    "a reader that came back",
    "a process that died",
)


def reached(plans: Iterable[Plan]) -> dict[str, int]:
    """By what there is to be reached, how often it was."""
    seen = dict.fromkeys(REACHES, 0)
    for plan in plans:
        world = simulate(plan).world
        facts = Facts(world.evidence())
        records = facts.generation_records.values()
        numbers = [at.record.number for found in records for at in found if isinstance(at.record, AttemptStarted)]
        ends = [type(found[0].record).__name__ for found in facts.outcomes.values()]
        seen["a further attempt"] += sum(number > 1 for number in numbers)
        seen["a command that came twice"] += sum(len(found) > 1 for found in facts.commands.values())
        seen["a job that came twice"] += sum(len(found) > 1 for found in facts.jobs.values())
        seen["an outcome that came twice"] += sum(len(found) > 1 for found in facts.outcomes.values())
        seen["a bill that came twice"] += sum(len(found) > 1 for found in facts.usage.values())
        seen["chunks that do not count"] += sum(len(reading.void) for reading in facts.accepted.values())
        seen["a cancelled turn"] += ends.count("GenerationCancelled")
        seen["a failed turn"] += ends.count("GenerationFailed")
        seen["a completed turn"] += ends.count("GenerationCompleted")
        seen["a reader that came back"] += sum(isinstance(entry, Cut) for entry in world.people.journal)
        seen["a process that died"] += world.lives - len(world.slots)
    return seen
