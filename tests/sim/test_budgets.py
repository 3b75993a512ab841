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

import api.openai.embedding_leases
import topics.admission.paying
from schemas import ids
from schemas.admission import EmbeddingsSettled
from schemas.codec import decode
from streams.metering.settling import Settling
from tests.sim.admissions import audit_of
from tests.sim.api_process import USER
from tests.sim.plans import Embedding, Fault, Plan, draw
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


def embedding(seed: int) -> Plan:
    """The plan of a seed with requests for embeddings on a budget for some of it, and more kills of who serves them."""
    plan, rng = budgeted(seed), Random(f"embeddings {seed}")
    wanted = []
    for number in range(rng.randint(3, 12)):
        tokens = rng.randint(1, 60)
        bound = max(tokens + rng.choice((0, 0, 0, -7, 20, 60)), 1)
        at_s, takes_s = rng.uniform(0.3, 6.0), rng.choice((0.01, 0.1, 1.0))
        wanted.append(Embedding(f"e{number}", tokens, bound, at_s, takes_s, twice=rng.random() < 0.3))
    kills = []
    for _ in range(rng.randint(0, 5)):
        at_s, target = rng.uniform(0.3, 8.0), rng.choice(("api", "api", "metering", "conversation"))
        kills.append(Fault(at_s, "kill_at_step", target, step=rng.randint(1, 12)))
    if rng.random() < 0.3:
        # So long that its leases are over when it goes on.
        kills.append(Fault(rng.uniform(0.5, 5.0), "pause", "api", for_s=rng.choice((6.0, 20.0))))
    budget = (plan.budget or 0) + int(sum(each.bound for each in wanted) * rng.choice((0.2, 0.6, 1.0)))
    faults = tuple(sorted((*plan.faults, *kills), key=lambda fault: fault.at_s))
    return replace(plan, embeddings=tuple(wanted), faults=faults, budget=budget)


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


@pytest.fixture
def short_leases() -> Iterator[None]:
    with patch.object(api.openai.embedding_leases, "SETTLED_BY_S", 5.0):
        yield


@pytest.mark.usefixtures("short_leases")
@pytest.mark.timeout(A_RUN_S)
@pytest.mark.parametrize("seed", seeds(os.environ.get(SEEDS_VARIABLE, "2000..2025")))
def test_embeddings_keep_to_a_budget_whatever_dies_and_each_key_is_charged_once(seed: int) -> None:
    plan = embedding(seed)
    verdict = simulate(plan)
    found = audited(verdict) + misbilled(verdict)
    if verdict.troubles or found:
        print(plan, *plan.embeddings, *verdict.troubles, *found, sep="\n")
    assert not verdict.troubles
    assert not found


def misbilled(verdict: Verdict) -> list[str]:
    """Answers for embeddings that were not charged as answered, and what was charged more than once."""
    account, found = audit_of(verdict.world.broker).accounts[USER.user_id], list[str]()
    charged: dict[str, int] = {}
    for name, settled in account.settled.items():
        if settled.used:
            if settled.embedding_id in charged:
                found.append(f"{settled.embedding_id} was charged twice, again with {name}")
            charged[settled.embedding_id] = settled.usage.prompt_tokens
    for key, status, body in verdict.world.people.embedded:
        embedding_id = ids.embedding_id(USER.user_id, key)
        if status == 200 and charged.get(embedding_id) != int(body):
            found.append(f"{key} was answered {int(body)} tokens and charged {charged.get(embedding_id)}")
        if status not in (200, 429):
            found.append(f"{key} was answered {status}")
    return found


@pytest.mark.usefixtures("short_leases")
def test_runs_with_embeddings_reach_what_they_are_meant_to_reach() -> None:
    runs = [simulate(embedding(seed)) for seed in range(2000, 2012)]
    seen = [audit_of(run.world.broker) for run in runs]
    assert sum(found.embeddings for found in seen) and sum(found.denied_embeddings for found in seen)
    settled = [one for found in seen for one in found.accounts[USER.user_id].settled.values() if one.embedding_id]
    assert sum(one.leased and not one.used for one in settled), "given up, or charged already"
    actors = {
        record.envelope.actor
        for run in runs
        for message in run.world.broker.records()
        if isinstance(record := decode(message.value()), EmbeddingsSettled)
    }
    assert "system:metering" in actors, "given up for an api that is gone"
    assert sum(one.unbilled for one in settled)
    statuses = {status for run in runs for _, status, _ in run.world.people.embedded}
    assert statuses == {200, 429}


def test_runs_reach_what_they_are_meant_to_reach() -> None:
    seen = [audit_of(simulate(budgeted(seed)).world.broker) for seed in range(1000, 1012)]
    assert sum(found.granted for found in seen)
    assert sum(found.denied for found in seen)
    assert sum(found.extensions for found in seen)
    assert sum(found.denied_extensions for found in seen)


@pytest.mark.usefixtures("short_leases")
def test_what_is_charged_twice_is_found() -> None:
    with patch.object(Account, "charged", lambda *_: None):
        found = [problem for seed in range(2000, 2006) for problem in misbilled(simulate(embedding(seed)))]
    assert any("was charged twice" in problem for problem in found)


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
