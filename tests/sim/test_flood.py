"""A flood by one user delays the light ones by no more than promised, kills of workers change nothing, and every pick
is what the rule gives. A seeded part; the whole is `python -m tests.sim.flood`."""

from __future__ import annotations

import pytest

from tests.sim.flood import SLOT_S, SLOTS, Flood, Result
from topics.fairness.flows import Rules

HEAVY = 10_000
TURNS = 150


def flooded(heavy: int, rules: Rules, kills: int = 0) -> Result:
    return Flood(heavy=heavy, turns=TURNS, kills=kills, seed=18, rules=rules).run()


@pytest.mark.slow("thousands of answers through real workers, in virtual time")
@pytest.mark.parametrize("kills", [0, 5])
def test_light_users_feel_no_flood_where_a_slot_is_held_back(kills: int) -> None:
    rules = Rules(SLOTS, SLOTS, held_back=1)
    alone, flood = flooded(0, rules, kills), flooded(HEAVY, rules, kills)
    assert flood.heavy_done > TURNS  # the others' slots are not idle
    if not kills:
        assert flood.p99_s <= 1.2 * alone.p99_s
    else:  # a turn that a kill meets waits for the next worker, with and without a flood
        assert sorted(flood.ttft_s)[TURNS // 2] <= 1.2 * sorted(alone.ttft_s)[TURNS // 2]
    assert (flood.report.wrong, flood.report.found) == (0, [])
    assert flood.report.checked > 2 * TURNS
    assert flood.report.most_gap <= flood.report.bound


@pytest.mark.slow("thousands of answers through real workers, in virtual time")
def test_without_a_slot_held_back_light_users_wait_for_one_slot() -> None:
    rules = Rules(SLOTS, SLOTS)
    alone, flood = flooded(0, rules), flooded(HEAVY, rules)
    assert flood.p99_s <= alone.p99_s + SLOT_S
    assert flood.report.wrong == 0
