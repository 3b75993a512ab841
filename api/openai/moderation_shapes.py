"""The shape of OpenAI's answer to a request for moderation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from infra.moderation.policy import Policy, Rule

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""OpenAI's. All of them stand in every result."""


def not_judged(policy: Policy) -> tuple[str, ...]:
    """The categories that no rule of the installation is about."""
    judged = {rule.category for rule in policy.rules}
    return tuple(category for category in CATEGORIES if category not in judged)


def result(policy: Policy, matched: Iterable[Rule]) -> dict[str, Any]:
    """What the rules that matched say of one input. A rule that allows is for notes alone, and flags nothing.

    `flagged`: the installation would review or refuse a prompt that says this, also for a category of its own. A rule
    matches or not: scores are 1 or 0. A category that no rule is about is false, and applied to nothing.
    """
    matters = [rule for rule in matched if rule.decision != "allow"]
    found, missing = {rule.category for rule in matters}, set(not_judged(policy))
    return {
        "flagged": bool(matters),
        "categories": {category: category in found for category in CATEGORIES},
        "category_scores": {category: float(category in found) for category in CATEGORIES},
        "category_applied_input_types": {category: [] if category in missing else ["text"] for category in CATEGORIES},
    }


def moderation_body(moderation_id: str, model: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole answer."""
    return {"id": moderation_id, "model": model, "results": list(results)}
