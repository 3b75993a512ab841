"""What readers ask about users, organisations and what keys may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.cassandra.session import Row
from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.cells import limits_of, words_of
from projections.identities.standing import OrganisationStanding, Said, UserStanding
from projections.reading import Tables

_NAME = "identities"
_STANDING = (
    "SELECT roles, WRITETIME(roles), tier, WRITETIME(tier), suspended, WRITETIME(suspended), name, email"
    " FROM {standings} WHERE user_id = ?"
)
_MEMBERSHIPS = "SELECT organisation_id, role, WRITETIME(role) FROM {memberships} WHERE user_id = ?"
_MEMBERS = "SELECT user_id, role FROM {members} WHERE organisation_id = ? AND user_id > ? LIMIT ?"
_ORGANISATION = (
    "SELECT organisation_id, name, tier, created_at_us, WRITETIME(tier) FROM {organisations} WHERE organisation_id = ?"
)
_FIRST_ORGANISATIONS = "SELECT organisation_id, name, tier, created_at_us, WRITETIME(tier) FROM {organisations} LIMIT ?"
_ORGANISATIONS = (
    "SELECT organisation_id, name, tier, created_at_us, WRITETIME(tier) FROM {organisations}"
    " WHERE token(organisation_id) > token(?) LIMIT ?"
)
_GRANT = "label, hint, created_at_us, revoked_at_us, scopes, expires_at_us, limits, organisation_id"
_CHANGES = "relabelled, relimited"
_GRANT_OF_KEY = f"SELECT key_sha256, key_id, user_id, {_GRANT}, {_CHANGES} FROM {{grants}} WHERE key_sha256 = ?"  # noqa: S608 - our own names
_GRANTS = f"SELECT key_sha256, key_id, user_id, {_GRANT}, {_CHANGES} FROM {{grants_by_user}} WHERE user_id = ?"  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationRow:
    """`tier`: empty: the default one."""

    organisation_id: str
    name: str
    tier: str
    created_at_us: int


@dataclass(frozen=True, slots=True)
class Member:
    user_id: str
    role: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What was changed of a user since they were made; None: nothing."""

    name: str | None
    email: str | None


async def standing(tables: Tables, user_id: str) -> tuple[UserStanding, Profile]:
    """What is said of a user, but for memberships."""
    values = await tables.one(_NAME, _STANDING, (user_id,))
    if values is None:
        return UserStanding(), Profile(None, None)
    roles, roles_at, tier, tier_at, suspended, suspended_at, name, email = values
    said = UserStanding(
        roles=None if roles is None else Said(roles_at, words_of(roles) or ()),
        tier=None if tier is None else Said(tier_at, tier),
        suspended=None if suspended is None else Said(suspended_at, suspended),
    )
    return said, Profile(name, email)


async def memberships(tables: Tables, user_id: str) -> dict[str, Said[str]]:
    """By organisation the user's role in it; empty where they left."""
    rows = await tables.select(_NAME, _MEMBERSHIPS, (user_id,))
    return {organisation_id: Said(at, role) for organisation_id, role, at in rows if role is not None}


async def members(tables: Tables, organisation_id: str, after: str, limit: int) -> list[Member]:
    """At most `limit` members behind a user id, in the order of ids; those who left are left out of the page."""
    found: list[Member] = []
    while len(found) < limit:
        rows = await tables.select(_NAME, _MEMBERS, (organisation_id, after, limit))
        found += [Member(user_id, role) for user_id, role in rows if role]
        if len(rows) < limit:
            break
        after = rows[-1][0]
    return found[:limit]


async def organisation(tables: Tables, organisation_id: str) -> OrganisationRow | None:
    """The organisation, or None."""
    values = await tables.one(_NAME, _ORGANISATION, (organisation_id,))
    return None if values is None else _organisation_row(values)


async def organisation_standing(tables: Tables, organisation_id: str) -> OrganisationStanding:
    """What is said of an organisation."""
    values = await tables.one(_NAME, _ORGANISATION, (organisation_id,))
    if values is None or values[2] is None:
        return OrganisationStanding()
    return OrganisationStanding(tier=Said(values[4], values[2]))


async def organisations(tables: Tables, after: str, limit: int) -> list[OrganisationRow]:
    """At most `limit` organisations behind one, in an order of the store's own. `after` empty: from the first."""
    asked: tuple[str, Sequence[Any]] = (_ORGANISATIONS, (after, limit)) if after else (_FIRST_ORGANISATIONS, (limit,))
    return [row for values in await tables.select(_NAME, *asked) if (row := _organisation_row(values)) is not None]


@dataclass(frozen=True, slots=True)
class Grant:
    """What these tables say of a key. `row` None: it has no restrictions since it was made."""

    row: ApiKeyRow | None
    label: str | None
    limits: str | None

    def over(self, plain: ApiKeyRow | None) -> ApiKeyRow | None:
        """The key with all that is said of it. `plain`: its row among the keys without restrictions."""
        row = self.row if self.row is not None else plain
        if row is None:
            return None
        label = row.label if self.label is None else self.label
        return replace(row, label=label, limits=row.limits if self.limits is None else limits_of(self.limits))


NO_GRANT = Grant(None, None, None)


async def grant(tables: Tables, key_sha256: str) -> Grant:
    """What is said of the key with this hash."""
    values = await tables.one(_NAME, _GRANT_OF_KEY, (key_sha256,))
    return NO_GRANT if values is None else _grant(values)


async def grants(tables: Tables, user_id: str) -> dict[str, Grant]:
    """What is said of a user's keys, by their ids."""
    return {values[1]: _grant(values) for values in await tables.select(_NAME, _GRANTS, (user_id,))}


def _grant(values: Row) -> Grant:
    key_sha256, key_id, user_id, label, hint, created_at_us, revoked_at_us, scopes, expires, limits, payer, *now = (
        values
    )
    # A revocation, or a change, may be seen before the creation: without it there is no key.
    if created_at_us is None or key_sha256 is None or user_id is None:
        return Grant(None, now[0], now[1])
    row = ApiKeyRow(
        key_sha256,
        key_id,
        user_id,
        label,
        hint,
        created_at_us,
        revoked_at_us,
        scopes=words_of(scopes),
        expires_at_us=expires,
        limits=limits_of(limits),
        organisation_id=payer or "",
    )
    return Grant(row, now[0], now[1])


def _organisation_row(values: Row) -> OrganisationRow | None:
    organisation_id, name, tier, created_at_us, _ = values
    if created_at_us is None:
        return None
    return OrganisationRow(
        organisation_id=organisation_id, name=name or "", tier=tier or "", created_at_us=created_at_us
    )


def named(user: UserRow, profile: Profile) -> UserRow:
    """The user as they are called now."""
    return replace(user, name=profile.name or user.name, email=profile.email or "")
