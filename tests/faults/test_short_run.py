"""The short fault run of the gate: one fault of each main kind on a whole stack under load, and every promise held.

`./verbatim test --faults N --seed S` is the long one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.outcome import GenerationCompleted
from tests.faults.background import BACKGROUND
from tests.faults.evidence import Transcript
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
    told = [entry.reader for entry in facts.evidence.journal if isinstance(entry, Transcript)]
    assert any(reader.endswith(BACKGROUND) for reader in told), "no response in the background was read to its end"
    held = [generation for generation in facts.commands if facts.schema(generation)]
    assert any(is_whole(facts.outcome(generation)) for generation in held), "no answer was held to a schema"
    parts = {name: {part.kind for part in outcome.parts} for name in facts.outcomes if (outcome := facts.outcome(name))}
    kinds = set().union(*parts.values())
    assert kinds >= {"text", "reasoning", "tool_call"}, "no answer thought before it spoke, or none called a tool"
    offered = [name for name, jobs in facts.jobs.items() if jobs[0].record.tooling is not None]
    completed = [name for name in offered if isinstance(facts.outcome(name), GenerationCompleted)]
    assert all("tool_call" in parts[name] for name in completed), "an answer that is whole has not called its tool"
