"""The models that somebody may use: those of their tier and their key, with no more context than their tier has.

To everybody else they do not exist: not in lists, and not by their names.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from api.access.limiting import RateLimits
from infra.models.catalogue import ModelCatalogue
from infra.runtime.bounded import Bounded
from infra.tiers.limited import Limited
from infra.tiers.tier import Tier

MAX_KEPT = 1000


class OwnModels:
    """The models of everybody, each choice of them made once."""

    def __init__(self, models: ModelCatalogue, limits: RateLimits) -> None:
        self._models = models
        self._limits = limits
        self._kept: Bounded[tuple[tuple[str, ...], int | None, tuple[str, ...] | None], ModelCatalogue] = Bounded(
            MAX_KEPT
        )

    def of(self, limited: Limited) -> ModelCatalogue:
        """What they may use. Whoever may use all of it has the installation's own catalogue."""
        tier, key_models = self._limits.tier_of(limited), limited.key_models
        if tier.models == ("*",) and tier.max_context_tokens is None and key_models is None:
            return self._models
        name = (tier.models, tier.max_context_tokens, key_models)
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = self._models.within(
                lambda id_: _allowed(tier, key_models, id_), tier.max_context_tokens
            )
        return kept


def _allowed(tier: Tier, key_models: tuple[str, ...] | None, model_id: str) -> bool:
    if not tier.allows(model_id):
        return False
    return key_models is None or any(fnmatchcase(model_id, pattern) for pattern in key_models)
