"""Upgrades old records to the newest version: one function per step vN -> vN+1, applied in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Step = Callable[[dict[str, Any]], dict[str, Any]]


def _with_defaults(fields: dict[str, Any]) -> dict[str, Any]:
    """A version that only added fields with defaults: what an old record lacks, its dataclass fills in."""
    return fields


def _without_price(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 of a command names no price; its other new fields have defaults."""
    return {**fields, "price": None}


STEPS: Mapping[tuple[str, int], Step] = {
    (name, 1): _with_defaults
    for name in (
        "ConversationStarted",
        "ConversationRenamed",
        "ConversationShared",
        "FeedbackGiven",
        "ConversationDeleted",
        "GenerationRequested",
        "AttemptEnded",
        "GenerationEnded",
        "GenerationCompleted",
        "GenerationFailed",
        "GenerationCancelled",
        "GenerationRefused",
        "UsageRecorded",
        "UsageRerated",
        "UserCreated",
        "ApiKeyCreated",
        "AttemptStarted",
        "TokenChunk",
        "EmbeddingsComputed",
    )
} | {
    **{(name, 1): _without_price for name in ("PromptSubmitted", "RegenerateRequested")},
    **{
        (name, 2): _with_defaults
        for name in (
            "PromptSubmitted",
            "RegenerateRequested",
            "GenerationRequested",
            "ConversationStarted",
            "GenerationEnded",
            "GenerationCompleted",
            "GenerationFailed",
            "GenerationCancelled",
            "GenerationRefused",
            "AttemptStarted",
            "UsageRecorded",
            "UsageRerated",
        )
    },
    **{
        (name, 3): _with_defaults
        for name in (
            "PromptSubmitted",
            "RegenerateRequested",
            "GenerationRequested",
            "ConversationStarted",
            "GenerationEnded",
            "GenerationCompleted",
            "GenerationFailed",
            "GenerationCancelled",
            "GenerationRefused",
        )
    },
    **{(name, 4): _with_defaults for name in ("PromptSubmitted", "RegenerateRequested", "GenerationRequested")},
}
"""(record name, version it takes) -> the record's fields in the next version."""


def missing_steps(name: str, version: int, newest: int) -> list[int]:
    """The versions between `version` and `newest` that no step takes on; [] if the way is whole."""
    return [step for step in range(version, newest) if (name, step) not in STEPS]


def upcast(name: str, version: int, newest: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as version `newest` has them. Raises KeyError when a step is missing: never a half-understood record."""
    for step in range(version, newest):
        fields = STEPS[name, step](fields)
    return fields
