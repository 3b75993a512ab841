"""The models that a request allows instead of its own: asked where its own would break what the tier is promised.

Which model answers is decided once, before the command is given, so its record names that one, and a replay asks no
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, StringConstraints

from api.http.errors import ApiError
from api.turns.intents import Asking, Intent, Prepare, PromptIntent
from api.turns.ports import AskPorts
from api.turns.queueing import QueueFull
from infra.models.catalogue import ModelCatalogue, ModelNotFound

MAX_ALTERNATIVES = 8

Alternatives = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(max_length=MAX_ALTERNATIVES),
]
"""As requests name them, in the order in which they are tried."""


def check_alternatives(models: ModelCatalogue, names: Sequence[str]) -> None:
    """`models`: those that the caller may use. Raises ApiError 404 for a name that is none of them."""
    for nth, name in enumerate(names):
        try:
            models.get(name)
        except ModelNotFound:
            raise ApiError(
                404,
                f"Invalid value for 'models[{nth}]': the model {name!r} does not exist, or does not answer prompts.",
                code="model_not_found",
                param=f"models[{nth}]",
            ) from None


async def queued(ports: AskPorts, asking: Asking, intent: Intent, prepare: Prepare) -> Intent:
    """The request as it enters a queue: as it is, or for the first alternative that can take it now.

    An alternative is passed over that cannot do what is asked, is not covered by the budgets, or has too long a queue
    as well. Raises QueueFull, for the model that was asked, where nobody can take it.
    """
    try:
        admit(ports, asking, intent)
    except QueueFull:
        for name in asking.alternatives:
            other = await _instead(ports, asking, intent, prepare, name)
            if other is not None:
                return other
        raise
    return intent


def admit(ports: AskPorts, asking: Asking, intent: Intent) -> None:
    """Raises QueueFull where the model's queue is longer than the caller's tier is promised."""
    tier = ports.limits.tiers.of(asking.author.limited.tier)
    ports.queues.admit(intent.spec.id, intent.spec.pool, tier, asking.choices)


def check_covered(ports: AskPorts, asking: Asking, intent: Intent) -> None:
    """Raises ApiError 429 for what is known not to be covered by the budgets, 400 for a model of another currency."""
    tokens = intent.tokens if isinstance(intent, PromptIntent) else 0
    ports.quotas.check(asking.account, asking.who, intent.spec.price, tokens)


async def _instead(ports: AskPorts, asking: Asking, intent: Intent, prepare: Prepare, name: str) -> Intent | None:
    try:
        other = await prepare(name)
        check_covered(ports, asking, other)
        admit(ports, asking, other)
    except ApiError:
        return None
    if isinstance(other, PromptIntent) and isinstance(intent, PromptIntent):
        return replace(other, parent_id=intent.parent_id)  # what it follows was decided
    return other
