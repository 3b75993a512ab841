"""Hundreds of seeded runs of the whole way of the data, each judged by the one checker.

A run that fails prints its seed, its schedule and how to run it again. More of them, or others:

    VERBATIM_SIM_SEEDS=5000..9000 ./verbatim test sim --no-check -k schedule
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from infra.stack.layout import write_private
from schemas.conversation import TitleRequested
from tests.sim.plans import Plan, draw
from tests.sim.reached import REACHES, reached
from tests.sim.simulate import Verdict, simulate

SEEDS_VARIABLE = "VERBATIM_SIM_SEEDS"
GATE = "0..240"
"""177 and 231 showed faults of the product, since mended."""
A_RUN_S = 60
LOOKED_AT = 40
GROWN_RUNS = 20
TITLED_RUNS = 30


def seeds(given: str) -> list[int]:
    """`7`, `7,9` or `0..300` (the end excluded), as numbers."""
    spans = [span.partition("..") for span in given.split(",")]
    return list(chain.from_iterable(range(int(a), int(b)) if dots else [int(a)] for a, dots, b in spans))


def judged(plan: Plan) -> Verdict:
    """The verdict on a run; prints all that is needed to run it again."""
    try:
        verdict = simulate(plan)
    except BaseException:
        print(f"{plan}\nTo run it again: {again(plan.seed)}")
        raise
    if not verdict.ok:
        print(f"{verdict}\nTo run it again: {again(plan.seed)}")
    return verdict


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs leave what they reached; one folder for all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "reached"
    folder.mkdir(exist_ok=True)
    return folder


def again(seed: int) -> str:
    return f"{SEEDS_VARIABLE}={seed} ./verbatim test sim --no-check -k schedule"


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", seeds(os.environ.get(SEEDS_VARIABLE, GATE)))
def test_a_schedule_keeps_every_promise(seed: int, seen: Path) -> None:
    verdict = judged(draw(seed))
    if seed < LOOKED_AT:
        write_private(seen / f"{seed}.json", json.dumps(reached(verdict.world)))
    assert verdict.ok, f"seed {seed}: {len(verdict.violations)} violations, {len(verdict.troubles)} troubles"


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", range(500, 500 + GROWN_RUNS))
def test_a_schedule_on_topics_that_were_grown_keeps_every_promise(seed: int) -> None:
    verdict = judged(replace(draw(seed), grown=True))
    assert verdict.ok, f"seed {seed}: {len(verdict.violations)} violations, {len(verdict.troubles)} troubles"


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", range(700, 700 + TITLED_RUNS))
def test_a_schedule_with_titles_keeps_every_promise(seed: int) -> None:
    verdict = judged(replace(draw(seed), titles=True))
    assert verdict.ok, f"seed {seed}: {len(verdict.violations)} violations, {len(verdict.troubles)} troubles"


def test_schedules_with_titles_ask_for_them() -> None:
    """Most conversations have an answer that completes, and each such asks."""

    def asks(seed: int) -> bool:
        log = simulate(replace(draw(seed), titles=True)).world.evidence().log
        return any(isinstance(entry.record, TitleRequested) for entry in log)

    assert any(map(asks, range(700, 700 + TITLED_RUNS)))


def test_a_seed_is_a_run() -> None:
    """The same seed gives the same records at the same times, whatever else the machine does."""
    assert simulate(draw(301)).world.evidence() == simulate(draw(301)).world.evidence()


@pytest.mark.timeout(300)
def test_runs_reach_what_they_are_meant_to_reach(seen: Path) -> None:
    """The schedules are worth something: the rare things happen in a few dozen of them."""
    times = dict.fromkeys(REACHES, 0)
    for seed in range(LOOKED_AT):
        left = seen / f"{seed}.json"
        there = json.loads(left.read_text()) if left.exists() else reached(simulate(draw(seed)).world)
        times = {what: times[what] + there[what] for what in REACHES}
    never = [what for what in REACHES if not times[what]]
    assert not never, f"never reached in {LOOKED_AT} runs: {', '.join(never)}"
