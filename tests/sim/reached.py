"""What a number of runs came across: a simulation that never meets a zombie proves nothing about zombies."""

from __future__ import annotations

from schemas.generation import AttemptStarted
from tests.faults.evidence import Cut
from tests.faults.facts import Facts
from tests.sim.world import World

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


def reached(world: World) -> dict[str, int]:
    """By what there is to be reached, how often a run did."""
    facts = Facts(world.evidence())
    records = facts.generation_records.values()
    numbers = [at.record.number for found in records for at in found if isinstance(at.record, AttemptStarted)]
    ends = [type(found[0].record).__name__ for found in facts.outcomes.values()]
    counts = (
        sum(number > 1 for number in numbers),
        sum(len(found) > 1 for found in facts.commands.values()),
        sum(len(found) > 1 for found in facts.jobs.values()),
        sum(len(found) > 1 for found in facts.outcomes.values()),
        sum(len(found) > 1 for found in facts.usage.values()),
        sum(len(reading.void) for reading in facts.accepted.values()),
        ends.count("GenerationCancelled"),
        ends.count("GenerationFailed"),
        ends.count("GenerationCompleted"),
        sum(isinstance(entry, Cut) for entry in world.people.journal),
        world.lives - len(world.slots),
    )
    return dict(zip(REACHES, counts, strict=True))
