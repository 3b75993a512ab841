"""The words that commands take for what users are: roles that there are, and tiers. Pure, but for `tiers_of`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.cli.terminal import UserError, WrongArgument, printable
from infra.roles import ROLES

if TYPE_CHECKING:
    from infra.settings import Settings
    from infra.tiers.tier import Tiers

MAX_SHOWN = 40


def checked_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Roles that there are, each once. Raises WrongArgument."""
    chosen = tuple(sorted(set(roles)))
    for role in chosen:
        if role not in ROLES:
            raise WrongArgument(f"{printable(role)[:MAX_SHOWN]!r} is not a role: use {', '.join(sorted(ROLES))}")
    return chosen


def checked_tier(tier: str, tiers: Tiers) -> str:
    """A tier that there is, or none (empty). Raises WrongArgument."""
    if tier and tier not in tiers:
        raise WrongArgument(f"{printable(tier)[:MAX_SHOWN]!r} is not a tier: use {', '.join(tiers.names)}")
    return tier


def tiers_of(settings: Settings) -> Tiers:
    """The tiers that these settings name. Raises UserError for a file that is wrong."""
    from infra.tiers.tiers_file import TiersFileError, load_tiers

    try:
        return load_tiers(settings)
    except TiersFileError as error:
        raise UserError(str(error)) from None
