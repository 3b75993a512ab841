"""Keys as projections in memory show them, and how such projections see the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.queries import Member, OrganisationRow
from projections.identities.standing import (
    OrganisationStanding,
    UserStanding,
    joined_organisations,
    joined_users,
    organisation_said,
    user_said,
)
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.envelope import Position
from schemas.identity import (
    NO_LIMITS,
    ApiKeyChanged,
    MembershipChanged,
    OrganisationChanged,
    OrganisationCreated,
    UserChanged,
)
from tests.unit.api.memory_log import MemoryLog
from topics.catalogue import ACCOUNT_EVENTS


class MemoryAccounts:
    """The AccountReads of the api: read from the log itself at every call. `blind` and `unseen` as in MemoryReads."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.blind = False
        self.unseen: type | None = None

    def _events(self, topic: str) -> list[tuple[Any, Position]]:
        found = [] if self.blind else self._log.all_of(topic)
        return [(event, at) for event, at in found if self.unseen is None or not isinstance(event, self.unseen)]

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        return next((key for key in self._keys() if key.key_sha256 == key_sha256 and not key.revoked), None)

    async def user(self, user_id: str) -> UserRow | None:
        return next((row for row in self._users() if row.user_id == user_id), None)

    async def some_users(self, after: str, limit: int) -> list[UserRow]:
        return [row for row in sorted(self._users(), key=lambda row: row.user_id) if row.user_id > after][:limit]

    def _users(self) -> list[UserRow]:
        found: dict[str, UserRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, UserCreated):
                row = UserRow(event.user_id, event.name, event.envelope.occurred_at_us, event.email)
                found.setdefault(event.user_id, row)
            elif isinstance(event, UserChanged) and event.user_id in found:
                row = found[event.user_id]
                found[event.user_id] = replace(
                    row, name=event.name or row.name, email=row.email if event.email is None else event.email
                )
        return list(found.values())

    async def standing(self, user_id: str) -> UserStanding:
        found = UserStanding()
        for event, at in self._events(ACCOUNT_EVENTS):
            if getattr(event, "user_id", None) == user_id and (said := user_said(event, at)) is not None:
                found = joined_users(found, said)
        return found

    async def organisation_standing(self, organisation_id: str) -> OrganisationStanding:
        found = OrganisationStanding()
        for event, at in self._events(ACCOUNT_EVENTS):
            if getattr(event, "organisation_id", None) == organisation_id:
                found = joined_organisations(found, organisation_said(event, at) or found)
        return found

    async def organisation(self, organisation_id: str) -> OrganisationRow | None:
        return next((row for row in self._organisations() if row.organisation_id == organisation_id), None)

    async def organisations(self, after: str, limit: int) -> list[OrganisationRow]:
        rows = sorted(self._organisations(), key=lambda row: row.organisation_id)
        return [row for row in rows if row.organisation_id > after][:limit]

    def _organisations(self) -> list[OrganisationRow]:
        found: dict[str, OrganisationRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, OrganisationCreated):
                found[event.organisation_id] = OrganisationRow(
                    organisation_id=event.organisation_id,
                    name=event.name,
                    tier=event.tier,
                    created_at_us=event.envelope.occurred_at_us,
                )
            elif isinstance(event, OrganisationChanged) and event.organisation_id in found:
                row = found[event.organisation_id]
                name, tier = event.name or row.name, row.tier if event.tier is None else event.tier
                found[event.organisation_id] = replace(row, name=name, tier=tier)
        return list(found.values())

    async def members(self, organisation_id: str, after: str, limit: int) -> list[Member]:
        roles: dict[str, str | None] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, MembershipChanged) and event.organisation_id == organisation_id:
                roles[event.user_id] = event.role
        return [Member(user_id, role) for user_id, role in sorted(roles.items()) if role and user_id > after][:limit]

    async def keys(self, user_id: str) -> list[ApiKeyRow]:
        return [key for key in self._keys() if key.user_id == user_id]

    def _keys(self) -> list[ApiKeyRow]:
        keys: dict[str, ApiKeyRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, ApiKeyCreated):
                at_us = event.envelope.occurred_at_us
                keys[event.key_id] = ApiKeyRow(
                    event.key_sha256,
                    event.key_id,
                    event.user_id,
                    event.label,
                    event.hint,
                    at_us,
                    None,
                    scopes=event.scopes,
                    expires_at_us=event.expires_at_us,
                    limits=event.limits or NO_LIMITS,
                    organisation_id=event.organisation_id,
                )
            elif isinstance(event, ApiKeyChanged):
                key = keys[event.key_id]
                label = key.label if event.label is None else event.label
                keys[event.key_id] = replace(key, label=label, limits=event.limits or key.limits)
            elif isinstance(event, ApiKeyRevoked):
                keys[event.key_id] = replace(keys[event.key_id], revoked_at_us=event.envelope.occurred_at_us)
        return list(keys.values())
