"""What an answer that is held to a JSON schema promises: I23. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from infra.models.json_validity import is_valid
from schemas.envelope import plain
from schemas.outcome import GenerationCompleted, GenerationFailed, Outcome
from tests.faults.evidence import Transcript, Violation
from tests.faults.facts import Facts

INTERRUPTED = "interrupted"


def keeps_to_its_schema(facts: Facts) -> Iterator[Violation]:
    """I23: an answer that completed is JSON that keeps to its schema, in the log and for who read it."""
    for generation in facts.outcomes:
        outcome, schema = facts.outcome(generation), facts.schema(generation)
        if not schema or outcome is None or not is_whole(outcome):
            continue
        read = [
            (f"{generation} ({entry.reader})", entry.text)
            for entry in facts.evidence.journal
            if isinstance(entry, Transcript) and (entry.generation_id, entry.finish_reason) == (generation, "stop")
        ]
        for subject, text in [(generation, plain(outcome.text)), *read]:
            if (why := _broken(text, schema)) is not None:
                yield Violation("I23", subject, f"completed, and {why}")


def is_whole(outcome: Outcome | None) -> bool:
    """Whether the answer was ended by its model."""
    return isinstance(outcome, GenerationCompleted) and outcome.finish_reason in ("stop", "tool_calls")


def may_be_interrupted(facts: Facts, generation: str, outcome: GenerationFailed) -> bool:
    """Whether a failure is the one that a worker's end costs: such an answer is not continued once it has begun."""
    begun = facts.accepted.get(generation)
    return bool(
        outcome.failure.code == INTERRUPTED
        and outcome.failure.retryable
        and begun is not None
        and begun.text
        and (facts.schema(generation) or begun.visible != begun.text)
    )


def _broken(text: str, schema: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return "it is not JSON"
    keeps = is_valid(value, json.loads(schema), lambda pattern, text: re.search(pattern, text) is not None)
    return None if keeps else "it does not keep to its schema"
