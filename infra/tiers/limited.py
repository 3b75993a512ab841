"""Who is limited: the user, key and organisation that a request is counted under. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from infra.tiers.tier import DEFAULT_TIER, NO_LIMITS, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A user, by a key ("": by none), for an organisation ("": for themselves). `key_limits`: the key's own.

    `key_models`: the patterns of the only models that the key may ask; None: all that its user may.
    """

    user_id: str
    key_id: str = ""
    organisation_id: str = ""
    tier: str = DEFAULT_TIER
    key_limits: Limits = NO_LIMITS
    key_models: tuple[str, ...] | None = None

    @property
    def account(self) -> str:
        """Who pays: the organisation, else the user."""
        return self.organisation_id or self.user_id
