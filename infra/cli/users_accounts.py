"""Commands on users and organisations: written to account-events, read from the projections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.cli.key_names import checked_user
from infra.cli.keys_accounts import AccountRows, EventLog, envelope_of
from infra.cli.terminal import UserError, printable
from infra.cli.words import checked_roles, checked_tier
from infra.tiers.tier import Tiers
from projections.accounts.queries import UserRow
from projections.identities.queries import Member, OrganisationRow
from projections.identities.standing import UserStanding
from schemas import ids
from schemas.account import AccountEvent, UserCreated
from schemas.codec import is_written
from schemas.identity import MembershipChanged, OrganisationChanged, OrganisationCreated, UserChanged
from topics.catalogue import ACCOUNT_EVENTS

PAGE = 100


class IdentityRows(AccountRows, Protocol):
    """What is read of users and organisations. The projections' facade is one."""

    async def organisation(self, organisation_id: str) -> OrganisationRow | None: ...
    async def organisations(self, after: str, limit: int) -> Sequence[OrganisationRow]: ...
    async def members(self, organisation_id: str, after: str, limit: int) -> Sequence[Member]: ...


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose budget is meant: `account` pays; `user_id`: only for what this member asks; empty: for all of it."""

    account: str
    user_id: str = ""


class Identities:
    """Every change is an event; it counts for running processes as soon as they read it, a moment later.

    `tiers` reads those that there are, where one is given. Raises WrongArgument for another one, and
    for a role that there is not.
    """

    def __init__(self, log: EventLog, rows: IdentityRows, tiers: Callable[[], Tiers]) -> None:
        self._log = log
        self._rows = rows
        self._tiers = tiers

    async def all_users(self) -> list[tuple[UserRow, UserStanding]]:
        """Every user by name, and what they are."""
        users = sorted(await self._rows.users(), key=lambda row: row.name)
        return [(user, await self._rows.standing(user.user_id)) for user in users]

    async def create_user(self, name: str, email: str, roles: Sequence[str], tier: str | None) -> str:
        """A new user; returns the id. Raises UserError for a name that is taken, and where what is said of them besides
        is not written yet: then nothing of them is."""
        user_id, chosen = ids.user_id(checked_user(name)), checked_roles(roles)
        self._check_tier(tier)
        if chosen or tier is not None or email:
            _check_written(UserChanged)
        if await self._rows.user(user_id) is not None:
            raise UserError(f"there is a user called {printable(name)} already")
        await self._send(user_id, UserCreated(envelope_of(user_id, "UserCreated"), user_id, name, email))
        if chosen or tier is not None:
            await self._changed(user_id, roles=chosen or None, tier=tier)
        return user_id

    async def change_user(
        self,
        name: str,
        *,
        roles: Sequence[str] | None = None,
        tier: str | None = None,
        suspended: bool | None = None,
    ) -> None:
        """From now on the user is this. Raises UserError for an unknown one."""
        said = None if roles is None else checked_roles(roles)
        self._check_tier(tier)
        user_id = await self._user_id(name)
        await self._changed(user_id, roles=said, tier=tier, suspended=suspended)

    async def all_organisations(self) -> list[OrganisationRow]:
        """Every organisation by name."""
        found: list[OrganisationRow] = []
        while page := await self._rows.organisations(found[-1].organisation_id if found else "", PAGE):
            found += page
            if len(page) < PAGE:
                break
        return sorted(found, key=lambda row: row.name)

    async def create_organisation(self, name: str, tier: str) -> str:
        """A new organisation; returns the id. Raises UserError for a name that is taken."""
        self._check_tier(tier)
        organisation_id = ids.organisation_id(name)
        if await self._rows.organisation(organisation_id) is not None:
            raise UserError(f"there is an organisation called {printable(name)} already")
        made = envelope_of(organisation_id, "OrganisationCreated")
        event = OrganisationCreated(envelope=made, organisation_id=organisation_id, name=name, tier=tier)
        await self._send(organisation_id, event)
        return organisation_id

    async def change_organisation(self, organisation: str, tier: str) -> None:
        """The organisation is of this tier from now on; empty: the default one. Raises UserError for an unknown one."""
        self._check_tier(tier)
        organisation_id = await self.organisation_named(organisation)
        said = envelope_of(organisation_id, "OrganisationChanged")
        await self._send(
            organisation_id, OrganisationChanged(envelope=said, organisation_id=organisation_id, tier=tier)
        )

    async def set_member(self, organisation: str, user: str, role: str | None) -> None:
        """The user belongs to the organisation with this role; None: no more. Raises UserError for unknown ones."""
        if role is not None:
            checked_roles([role])
        organisation_id = await self.organisation_named(organisation)
        user_id = await self._user_id(user)
        if role is None and not (await self._rows.standing(user_id)).role_in(organisation_id):
            raise UserError(f"{printable(user)} is not a member of {printable(organisation)}")
        said = envelope_of(user_id, "MembershipChanged")
        event = MembershipChanged(envelope=said, user_id=user_id, organisation_id=organisation_id, role=role)
        await self._send(user_id, event)

    async def payer(self, who: str, member: str = "") -> Payer:
        """Who pays for `who`: an organisation, or a user, for whom it may be an organisation; an id is an account as it
        is. `member`: only for what this user asks an organisation to pay. Raises UserError for unknown ones."""
        organisation_id = await self._organisation_id(who)
        if organisation_id is not None:
            return Payer(organisation_id, await self._user_id(member) if member else "")
        try:
            user_id = await self._user_id(who)
        except UserError:
            shown = printable(who)[:80]
            raise UserError(
                f"no user or organisation is called {shown!r}: ./verbatim user list and org list show them"
            ) from None
        if member:
            raise UserError(f"{printable(who)[:80]} is not an organisation, and --user names a member of one")
        paying = "" if who == user_id else (await self._rows.standing(user_id)).organisation_id
        return Payer(paying, user_id) if paying else Payer(user_id)

    async def names(self) -> dict[str, str]:
        """What users and organisations are called, by id."""
        users = {row.user_id: row.name for row in await self._rows.users()}
        return users | {row.organisation_id: row.name for row in await self.all_organisations()}

    async def _organisation_id(self, organisation: str) -> str | None:
        rows = await self.all_organisations()
        # An id first: what has it as its name is another one.
        by_id = [row for row in rows if row.organisation_id == organisation]
        found = by_id or [row for row in rows if row.name == organisation]
        return found[0].organisation_id if found else None

    def _check_tier(self, tier: str | None) -> None:
        if tier:
            checked_tier(tier, self._tiers())

    async def organisation_named(self, organisation: str) -> str:
        organisation_id = await self._organisation_id(organisation)
        if organisation_id is None:
            raise UserError(
                f"no organisation is called {printable(organisation)[:80]!r}: ./verbatim org list shows them"
            )
        return organisation_id

    async def _user_id(self, name: str) -> str:
        # An id first: who has it as their name is somebody else.
        for user_id in (name, ids.user_id(name)):
            if await self._rows.user(user_id) is not None:
                return user_id
        raise UserError(f"no user is called {printable(name)[:80]!r}: ./verbatim user list shows them")

    async def _changed(
        self,
        user_id: str,
        *,
        roles: tuple[str, ...] | None = None,
        tier: str | None = None,
        suspended: bool | None = None,
    ) -> None:
        said = envelope_of(user_id, "UserChanged")
        await self._send(
            user_id, UserChanged(envelope=said, user_id=user_id, roles=roles, tier=tier, suspended=suspended)
        )

    async def _send(self, key: str, event: AccountEvent) -> None:
        _check_written(type(event))
        await self._log.send(ACCOUNT_EVENTS, key, event)


def _check_written(record_type: type) -> None:
    if not is_written(record_type):
        raise UserError("this is not written until the upgrade is finished: run ./verbatim upgrade finish")
