"""What public bug reports of other systems did: the trials that are over in a moment, in the gate.

`python -m tests.trials` makes them all and prints their table.
"""

from __future__ import annotations

import re

import pytest

from tests.fuzz.conftest import World
from tests.trials.making import attempt, ground_of, in_order, row
from tests.trials.trial import Trial


@pytest.mark.timeout(150)
@pytest.mark.parametrize("trial", [trial for trial in in_order() if trial.quick], ids=lambda trial: str(trial.number))
async def test_what_broke_others_does_not_break_this(world: World, trial: Trial) -> None:
    stack, upstream = world
    result = await attempt(trial, ground_of(stack, upstream, re.sub(r"\W", "", trial.number)))
    assert result.right, row(trial, result)
