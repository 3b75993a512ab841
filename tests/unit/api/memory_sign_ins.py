"""Passwords, sessions, issuers and one-time links in memory: read from the log itself at every call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from projections.order import first_wins
from projections.sign_ins.fold import names_of
from projections.sign_ins.queries import LinkRow, SessionRow, listed
from schemas.account import UserCreated
from schemas.signing import (
    IdentityLinked,
    IssuerSignedOut,
    OneTimeLinkMade,
    OneTimeLinkRevoked,
    OneTimeLinkUsed,
    PasswordSet,
    SessionEnded,
    SessionStarted,
)
from tests.unit.api.memory_accounts import MemoryAccounts
from topics.catalogue import ACCOUNT_EVENTS


class MemorySignIns(MemoryAccounts):
    def _said(self, kind: type[Any]) -> list[Any]:
        return [event for event, _ in self._events(ACCOUNT_EVENTS) if isinstance(event, kind)]

    async def password_hash(self, user_id: str) -> str | None:
        kept = [event.password_hash for event in self._said(PasswordSet) if event.user_id == user_id]
        return kept[-1] if kept else None

    async def signed_in(self, session_sha256: str) -> SessionRow | None:
        return next((row for row in self._sessions() if row.session_sha256 == session_sha256), None)

    async def sessions(self, user_id: str) -> list[SessionRow]:
        return [row for row in self._sessions() if row.user_id == user_id]

    async def session_of_user(self, user_id: str, session_id: str) -> SessionRow | None:
        return next((row for row in await self.sessions(user_id) if row.session_id == session_id), None)

    def _sessions(self) -> list[SessionRow]:
        ended = {event.session_id: event.envelope.occurred_at_us for event in self._said(SessionEnded)}
        return [
            SessionRow(
                event.session_sha256,
                event.session_id,
                event.user_id,
                event.method,
                event.envelope.occurred_at_us,
                event.expires_at_us,
                ended.get(event.session_id),
                event.login,
            )
            for event in self._said(SessionStarted)
        ]

    async def linked_user(self, issuer: str, subject: str) -> str | None:
        linked = self._said(IdentityLinked)
        return next((event.user_id for event in linked if (event.issuer, event.subject) == (issuer, subject)), None)

    async def signed_out_at(self, issuer: str, name: str) -> int | None:
        outs = [
            event.at_s for event in self._said(IssuerSignedOut) if event.issuer == issuer and name in names_of(event)
        ]
        return max(outs, default=None)

    async def one_time_link(self, token_sha256: str) -> LinkRow | None:
        return next((row for row in self._links() if row.token_sha256 == token_sha256), None)

    async def one_time_links(self, at_us: int) -> list[LinkRow]:
        return listed(self._links(), at_us)

    async def user_made_at(self, user_id: str) -> int | None:
        for event, at in self._events(ACCOUNT_EVENTS):
            if isinstance(event, UserCreated) and event.user_id == user_id:
                return first_wins(at)
        return None

    def _links(self) -> list[LinkRow]:
        rows: dict[str, LinkRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, OneTimeLinkMade):
                rows[event.link_id] = LinkRow(
                    event.token_sha256,
                    event.link_id,
                    event.kind,
                    event.user_id,
                    event.name,
                    event.roles,
                    event.tier,
                    event.organisation_id,
                    event.organisation_role,
                    event.envelope.actor,
                    event.envelope.occurred_at_us,
                    event.expires_at_us,
                )
            elif isinstance(event, OneTimeLinkUsed) and rows[event.link_id].used_by is None:
                rows[event.link_id] = replace(rows[event.link_id], used_by=event.envelope.event_id)
            elif isinstance(event, OneTimeLinkRevoked) and rows[event.link_id].revoked_at_us is None:
                rows[event.link_id] = replace(rows[event.link_id], revoked_at_us=event.envelope.occurred_at_us)
        return list(reversed(rows.values()))
