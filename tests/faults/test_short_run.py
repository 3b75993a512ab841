"""The short fault run of the gate: one fault of each main kind on a whole stack under load, and every promise held.

`./verbatim test --faults N --seed S` is the long one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.facts import Facts
from tests.faults.rules_json import is_whole
from tests.faults.run import run_faults, summary
from tests.faults.schedule import ONE_OF_EACH

SEED = 20261121


@pytest.mark.slow("one fault of each kind strikes a whole stack of its own")
@pytest.mark.timeout(600)
async def test_every_promise_holds_when_one_fault_of_each_kind_strikes(tmp_path: Path) -> None:
    said: list[str] = []
    report = await run_faults(tmp_path / "run", SEED, ONE_OF_EACH, said.append)
    assert report.violations == [], "\n".join([*said, summary(report)])
    assert len(report.struck) == len(ONE_OF_EACH)
    facts = Facts(report.evidence)
    held = [generation for generation in facts.commands if facts.schema(generation)]
    assert any(is_whole(facts.outcome(generation)) for generation in held), "no answer was held to a schema"
    parts = {part.kind for name in facts.outcomes if (outcome := facts.outcome(name)) for part in outcome.parts}
    assert parts >= {"text", "reasoning", "tool_call"}, "no answer thought before it spoke, or none called a tool"
