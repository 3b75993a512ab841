"""Seeded runs of accounts with a hard budget: kills at any step, lost acknowledgements, pauses. Each is replayed.

VERBATIM_SIM_SEEDS=0..500 ./verbatim test sim --no-check -k budget
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from unittest.mock import patch

import pytest

import topics.admission.paying
from streams.metering.settling import Settling
from tests.sim.admissions import audit_of
from tests.sim.plans import Plan, draw
from tests.sim.simulate import Verdict, simulate
from tests.sim.test_schedules import A_RUN_S, SEEDS_VARIABLE, judged, seeds
from topics.admission.account import Account
from topics.admission.leases import SPENT

AMPLE = 100_000
GATE = "1000..1040"


@pytest.fixture(autouse=True)
def small_leases() -> Iterator[None]:
    """So small that answers of a few tokens need several."""
    with (
        patch.object(topics.admission.paying, "FIRST_TOKENS", 3),
        patch.object(topics.admission.paying, "MAX_STEP_TOKENS", 6),
    ):
        yield


def budgeted(seed: int) -> Plan:
    """The plan of a seed with a budget for some of what is asked."""
    plan = draw(seed)
    asked = sum(prompt.count for prompt in plan.prompts) + 30 * len(plan.prompts)
    return replace(plan, budget=int(asked * Random(f"budget {seed}").choice((0.1, 0.3, 0.5, 0.7, 0.9))))


def audited(verdict: Verdict) -> list[str]:
    """What the replay of a run finds wrong."""
    once, twice = audit_of(verdict.world.broker), audit_of(verdict.world.broker, twice=True)
    found = list(once.problems)
    if (once.granted, once.denied, once.extensions) != (twice.granted, twice.denied, twice.extensions):
        found.append("copies of records change decisions")
    for name, account in once.accounts.items():
        if account.settled != twice.accounts[name].settled:
            found.append(f"copies of records change what {name} was charged")
        for budget in account.budgets.values():
            if account.left(budget, account.moment) < 0:
                found.append(f"{name} has spent more than its budget")
    return found


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", seeds(os.environ.get(SEEDS_VARIABLE, GATE)))
def test_a_budget_is_kept_to_the_token_whatever_dies(seed: int) -> None:
    plan = budgeted(seed)
    verdict = simulate(plan)
    found = audited(verdict)
    if verdict.troubles or found:
        print(plan, *verdict.troubles, *found, sep="\n")
    assert not verdict.troubles
    assert not found


@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", range(1100, 1115))
def test_with_an_ample_budget_every_other_promise_is_kept_too(seed: int) -> None:
    verdict = judged(replace(draw(seed), budget=AMPLE))
    assert verdict.ok, f"seed {seed}: {len(verdict.violations)} violations, {len(verdict.troubles)} troubles"
    assert audited(verdict) == []


def test_runs_reach_what_they_are_meant_to_reach() -> None:
    seen = [audit_of(simulate(budgeted(seed)).world.broker) for seed in range(1000, 1012)]
    assert sum(found.granted for found in seen)
    assert sum(found.denied for found in seen)
    assert sum(found.extensions for found in seen)
    assert sum(found.denied_extensions for found in seen)


async def _settles_nothing(*_: object) -> None:
    """No settlement, and no charge."""


def test_leases_that_are_not_settled_are_found() -> None:
    with patch.object(Settling, "settled", _settles_nothing):
        found = [problem for seed in range(1000, 1003) for problem in audited(simulate(budgeted(seed)))]
    assert any("still open" in problem for problem in found)


def test_more_than_the_budget_is_found() -> None:
    with patch.object(Account, "covered", lambda *_, **__: (1_000, "")):
        found = [problem for seed in range(1000, 1003) for problem in audited(simulate(budgeted(seed)))]
    assert any("over its budget" in problem for problem in found)


def test_refusals_of_what_is_affordable_are_found() -> None:
    with patch.object(Account, "covered", lambda *_, **__: (0, SPENT)):
        found = [problem for seed in range(1000, 1003) for problem in audited(simulate(budgeted(seed)))]
    assert any("refused although affordable" in problem for problem in found)
