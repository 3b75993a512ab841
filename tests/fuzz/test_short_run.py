"""The short fuzz run of the gate: 300 upstream answers and 300 requests, and all is right with each.

`./verbatim test --fuzz N --seed S` is the long one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.bodies import bodies
from tests.fuzz.conftest import World
from tests.fuzz.drawing import drawn
from tests.fuzz.run import run_cases, save, summary
from tests.fuzz.streams import plans

SEED = 20261130
COUNT = 300


@pytest.mark.slow("hundreds of upstream answers and requests")
@pytest.mark.timeout(300)
async def test_nothing_that_anyone_sends_breaks_a_turn_or_a_process(world: World, tmp_path: Path) -> None:
    stack, upstream = world
    said: list[str] = []
    streams, requests = drawn(plans(), COUNT, SEED), drawn(bodies(), COUNT, SEED)
    assert (len(streams), len(requests)) == (COUNT, COUNT)
    report = await run_cases(stack, upstream, streams, requests, said.append)
    saved = [str(file) for file in save(report, tmp_path / "cases")]
    assert report.faults == [], "\n".join([*said, summary(report), *saved])
    assert report.gaps_s, "no stream ran beside it"
