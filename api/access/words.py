"""The words that administration may use: roles that there are, and tiers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from api.http.errors import bad_request
from infra.roles import ROLES
from infra.tiers.tier import Tiers


def checked_roles(roles: Iterable[str], param: str = "roles") -> tuple[str, ...]:
    """Roles that there are. Raises ApiError 400."""
    unknown = sorted(set(roles) - ROLES)
    if unknown:
        raise bad_request(f"'{unknown[0][:40]}' is not a role. Roles: {', '.join(sorted(ROLES))}.", param=param)
    return tuple(sorted(set(roles)))


def checked_tier(tier: str, tiers: Tiers) -> str:
    """A tier that there is, or none. Raises ApiError 400."""
    if tier and tier not in tiers:
        raise bad_request(f"'{tier[:40]}' is not a tier. Tiers: {', '.join(tiers.names)}.", param="tier")
    return tier
