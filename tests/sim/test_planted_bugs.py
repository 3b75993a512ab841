"""What the simulation is worth: each bug planted in the product is found within the gate's seeds."""

from __future__ import annotations

import pytest

from tests.sim.plans import draw
from tests.sim.planted import BUGS
from tests.sim.simulate import simulate

SEEDS = range(120)
HINTS = {
    "command_believed_before_it_is_the_first": 231,
    "dedupe_off_in_the_recorder": 27,
    "produced_without_waiting_in_the_conversation_agent": 123,
    "start_not_awaited": 53,
}
"""A seed that is known to show a bug that few do, to be tried first. Any other will do as well."""


def is_found(seed: int) -> bool:
    """Whether a run with this seed shows a fault, by a broken promise or by not running at all."""
    try:
        return not simulate(draw(seed)).ok
    except AssertionError:
        return True


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    hint = [HINTS[name]] if name in HINTS else []
    with BUGS[name]():
        assert any(is_found(seed) for seed in (*hint, *SEEDS)), f"{name} stayed unseen"
