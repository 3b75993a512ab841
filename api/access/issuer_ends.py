"""Whom issuers have signed out (back-channel logout), cached briefly and kept current by the account-events tail.

A sign-out says whom, and until when by the issuer's own clock: whatever the issuer began until then is over, sessions
of browsers and bearer tokens alike. No clock of ours and no order of records matters: a session that begins here
while its issuer ends it is over as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from api.streaming.ports import LogRecord
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded
from projections.sign_ins.fold import any_of, names_of, whom
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.signing import IssuerSignedOut, Login
from topics.catalogue import ACCOUNT_EVENTS

YOUNG_S = 60.0
YOUNG_TTL_S, TTL_S = 1.0, 30.0
MAX_LOGINS = 20_000
NEVER = -1


class SignedOutReads(Protocol):
    async def signed_out_at(self, issuer: str, name: str) -> int | None:
        """Until when an issuer ended what is kept under this name (projections.sign_ins.fold); None: it never did (as
        far as is seen). Raises StoreUnavailable."""


def is_over(login: Login, ended: IssuerSignedOut) -> bool:
    """Whether a sign-out ends what this began. Pure.

    A bearer token that names no session of its issuer's may belong to any: every sign-out of its subject ends it.
    """
    if login.issuer != ended.issuer:
        return False
    if ended.issuer_session and login.issuer_session == ended.issuer_session:
        return True
    if ended.subject != login.subject or not ended.subject:
        return False
    return (not ended.issuer_session or not login.issuer_session) and login.issued_at_s <= ended.at_s


class IssuerEnds:
    """By whom, until when. `on_ended`: gets each sign-out that comes, to end what is streamed."""

    def __init__(self, reads: SignedOutReads, on_ended: Callable[[IssuerSignedOut], None], young_s: float = YOUNG_S):
        self._reads = reads
        self._on_ended = on_ended
        self._young_s = young_s
        self._young_until_s = monotonic_s() + young_s
        self._read: Bounded[tuple[str, str], tuple[float, int]] = Bounded(MAX_LOGINS)
        # What was seen here counts, however far the projections are behind.
        self._seen: Bounded[tuple[str, str], int] = Bounded(MAX_LOGINS)

    async def is_over(self, login: Login) -> bool:
        """Whether its issuer ended what it began. Raises StoreUnavailable where that cannot be told."""
        if await self._at(login.issuer, whom(login.subject, "")) >= login.issued_at_s:
            return True
        if login.issuer_session:
            return await self._at(login.issuer, whom(login.subject, login.issuer_session)) > NEVER
        return await self._at(login.issuer, any_of(login.subject)) >= login.issued_at_s

    async def _at(self, issuer: str, name: str) -> int:
        key, now_s = (issuer, name), monotonic_s()
        known = self._read.get(key)
        if known is None or now_s >= known[0]:
            at_s = await self._reads.signed_out_at(issuer, name)
            until_s = now_s + (YOUNG_TTL_S if now_s < self._young_until_s else TTL_S)
            known = self._read[key] = until_s, NEVER if at_s is None else at_s
        seen = self._seen.get(key)
        return known[1] if seen is None else max(known[1], seen)

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except UndecodableRecord:
                continue
            except NewerRecord:
                # It may be a sign-out: the projections tell of it, and are asked again and often meanwhile.
                self._read.clear()
                self._young_until_s = monotonic_s() + self._young_s
                continue
            if isinstance(event, IssuerSignedOut):
                self.ended(event)

    def ended(self, event: IssuerSignedOut) -> None:
        """What this ends is over from now on, and what is streamed by it."""
        for name in names_of(event):
            key = event.issuer, name
            self._seen[key] = max(event.at_s, self._seen.get(key) or NEVER)
        self._on_ended(event)
