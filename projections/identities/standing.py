"""What the log says of a user and of an organisation, each thing with its place: the later place counts. Pure.

So what was read from the tables and what was seen in the log meanwhile join in any order, however often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from projections.order import last_wins
from schemas.account import AccountEvent
from schemas.envelope import Position
from schemas.identity import MembershipChanged, OrganisationChanged, OrganisationCreated, UserChanged

T = TypeVar("T")

DEFAULT_ROLES = ("member",)
"""Of a user of whom nothing was said."""


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """`at`: the timestamp of the cell, which grows with the place of its record in the log."""

    at: int
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStanding:
    """`memberships`: by organisation the role in it; empty: no member any more."""

    roles: Said[tuple[str, ...]] | None = None
    tier: Said[str] | None = None
    suspended: Said[bool] | None = None
    memberships: Mapping[str, Said[str]] = field(default_factory=dict)

    @property
    def is_suspended(self) -> bool:
        return self.suspended is not None and self.suspended.value

    @property
    def held_roles(self) -> tuple[str, ...]:
        """Their roles in the installation."""
        return DEFAULT_ROLES if self.roles is None else self.roles.value

    def role_in(self, organisation_id: str) -> str:
        """Their role there; empty: they are not a member."""
        said = self.memberships.get(organisation_id)
        return "" if said is None else said.value

    @property
    def organisation_id(self) -> str:
        """The organisation that took the user last, of those that they belong to; empty: they pay for themselves."""
        belongs = [(said.at, name) for name, said in self.memberships.items() if said.value]
        return max(belongs, default=(0, ""))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationStanding:
    tier: Said[str] | None = None


NOTHING_SAID = UserStanding()


def user_said(record: AccountEvent, position: Position) -> UserStanding | None:
    """What one record says of its user; None: nothing of this."""
    at = last_wins(position)
    match record:
        case UserChanged(roles=roles, tier=tier, suspended=suspended):
            return UserStanding(roles=_said(at, roles), tier=_said(at, tier), suspended=_said(at, suspended))
        case MembershipChanged(organisation_id=organisation_id, role=role):
            return UserStanding(memberships={organisation_id: Said(at, role or "")})
        case _:
            return None


def organisation_said(record: AccountEvent, position: Position) -> OrganisationStanding | None:
    """What one record says of its organisation; None: nothing of this."""
    if isinstance(record, OrganisationCreated | OrganisationChanged):
        return OrganisationStanding(tier=_said(last_wins(position), record.tier))
    return None


def joined_users(one: UserStanding, other: UserStanding) -> UserStanding:
    """What both say together."""
    memberships = dict(one.memberships)
    for organisation_id, said in other.memberships.items():
        later = _later(memberships.get(organisation_id), said)
        memberships[organisation_id] = said if later is None else later
    return UserStanding(
        roles=_later(one.roles, other.roles),
        tier=_later(one.tier, other.tier),
        suspended=_later(one.suspended, other.suspended),
        memberships=memberships,
    )


def joined_organisations(one: OrganisationStanding, other: OrganisationStanding) -> OrganisationStanding:
    """What both say together."""
    return OrganisationStanding(tier=_later(one.tier, other.tier))


def _said(at: int, value: T | None) -> Said[T] | None:
    return None if value is None else Said(at, value)


def _later(one: Said[T] | None, other: Said[T] | None) -> Said[T] | None:
    if one is None or other is None:
        return other if one is None else one
    return one if one.at >= other.at else other
