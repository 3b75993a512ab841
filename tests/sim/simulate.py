"""A plan, run to its rest and judged."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from tests.faults import checker
from tests.faults.evidence import Violation
from tests.sim.installed import installed
from tests.sim.plans import Plan
from tests.sim.virtual_time import run
from tests.sim.world import NotQuiet, World
from topics.catalogue import TOKEN_CHUNKS
from topics.fairness.replay import Picks


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a run; nothing, if both are empty."""

    world: World
    violations: tuple[Violation, ...]
    troubles: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.violations and not self.troubles

    def __str__(self) -> str:
        found = [f"{broken.invariant} {broken.subject}: {broken.detail}" for broken in self.violations]
        return "\n".join([str(self.world.plan), *found, *self.troubles])


def wrong_picks(world: World) -> list[str]:
    """The workers' picks that are not what the rule gives, whatever happened to them."""
    picks = Picks()
    for message in world.network.broker.records():
        if message.topic().startswith("generation-jobs.") or message.topic() == TOKEN_CHUNKS:
            picks.take_raw(message.topic(), message.partition(), message.offset(), message.value())
    report = picks.check()
    return [f"pick {wrong.number} of {wrong.domain}: {wrong.problem}" for wrong in report.found]


def simulate(plan: Plan) -> Verdict:
    """Run a plan to its rest and judge it."""
    world = World(plan)
    troubles = []
    logging.disable(logging.ERROR)
    try:
        with installed(world):
            run(world.loop, world.main())
    except NotQuiet as error:
        troubles.append(f"it does not come to rest: {error}")
    finally:
        logging.disable(logging.NOTSET)
    troubles += [f"a process ended by {type(error).__name__}: {error}" for error in world.unexpected]
    troubles += world.witness.broken
    troubles += wrong_picks(world)
    if any("rest" in trouble for trouble in troubles):
        return Verdict(world, (), tuple(troubles))
    return Verdict(world, tuple(checker.check(world.evidence())), tuple(troubles))
