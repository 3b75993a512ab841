"""What the administration needs beside the gate: who there is, and what the installation's tiers are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.access.ports import AccountReads
from api.http.providing import provided
from infra.tiers.tier import Tiers
from projections.accounts.queries import UserRow
from projections.identities.queries import Member, OrganisationRow


class AdminReads(AccountReads, Protocol):
    """Every method raises StoreUnavailable when the projections cannot be asked."""

    async def some_users(self, after: str, limit: int) -> Sequence[UserRow]:
        """At most `limit` users behind one (empty: the first), in an order of the store's own."""

    async def organisations(self, after: str, limit: int) -> Sequence[OrganisationRow]:
        """At most `limit` organisations behind one (empty: the first), in an order of the store's own."""

    async def members(self, organisation_id: str, after: str, limit: int) -> Sequence[Member]:
        """At most `limit` members of an organisation behind a user id, in the order of ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPorts:
    reads: AdminReads
    tiers: Tiers


Admin = Annotated[AdminPorts, Depends(provided(AdminPorts))]
