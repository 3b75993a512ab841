"""Browsers that were signed in by a password, a one-time link or an issuer: each is a record, and can be ended alone.

Its cookie names the hash of a secret that nobody kept, so no key opens it. Cached for seconds and kept current by the
account-events tail: a session that was ended opens nothing from the moment its record is read here, whatever the
projections still say; one that was just started opens before the projections know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from api.access.issuer_ends import IssuerEnds
from api.access.people import People
from api.access.principal import Principal, Standing, user_of
from api.access.shared_reads import SharedReads
from api.streaming.ports import LogRecord
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded, Seen
from projections.sign_ins.queries import SessionRow
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.signing import SessionEnded, SessionStarted
from topics.catalogue import ACCOUNT_EVENTS

TTL_S = 5.0
MAX_SESSIONS = 10_000
MAX_ENDED = 100_000


class SignedInReads(Protocol):
    async def signed_in(self, session_sha256: str) -> SessionRow | None:
        """The session with this hash, also one that is over; None if there is none (yet). Raises StoreUnavailable."""


@dataclass(slots=True)
class _Known:
    until_s: float
    row: SessionRow
    standing: Standing | None = None
    principal: Principal | None = None

    def held_by(self, standing: Standing) -> Principal:
        """Who comes by it, the user being this."""
        if self.principal is None or self.standing is not standing:
            self.standing = standing
            self.principal = replace(
                user_of(standing),
                key_id=self.row.session_id,
                key_sha256=self.row.session_sha256,
                expires_at_us=self.row.expires_at_us,
                login=self.row.login,
                recorded=True,
            )
        return self.principal


class SignedIn:
    """Bounded: the least recently stored goes first."""

    def __init__(
        self,
        reads: SignedInReads,
        people: People,
        issuer_ends: IssuerEnds,
        on_ended: Callable[[str], None],
        ttl_s: float = TTL_S,
    ) -> None:
        self._reads = reads
        self._people = people
        self._issuer_ends = issuer_ends
        self._on_ended = on_ended
        self._ttl_s = ttl_s
        self._known: Bounded[str, _Known] = Bounded(MAX_SESSIONS)
        self._ended: Seen[str] = Seen(MAX_ENDED)
        self._shared: SharedReads[_Known | None] = SharedReads()

    async def principal(self, session_sha256: str) -> Principal | None:
        """Who was signed in; None: the session is over, or its issuer ended it. Only a cookie that this installation
        has signed names one, so nobody can guess. Raises StoreUnavailable."""
        known = await self._session(session_sha256)
        if known is None:
            return None
        principal = known.held_by(await self._people.standing(known.row.user_id))
        if known.row.login is not None and await self._issuer_ends.is_over(known.row.login):
            return None
        return None if session_sha256 in self._ended else principal

    async def _session(self, digest: str) -> _Known | None:
        if digest in self._ended:
            return None
        known = self._known.get(digest)
        if known is not None and monotonic_s() < known.until_s:
            return known
        return await self._shared.ask(digest, lambda: self._read(digest))

    async def _read(self, digest: str) -> _Known | None:
        row = await self._reads.signed_in(digest)
        if row is None or row.ended_at_us is not None or digest in self._ended:
            known = self._known.get(digest)
            if row is None and known is not None and monotonic_s() < known.until_s:
                return known  # started while the projections were asked
            self._known.pop(digest)
            return None
        return self._remember(row)

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except UndecodableRecord:
                continue
            except NewerRecord:
                for known in self._known.values():
                    known.until_s = 0.0  # it may be an end: all are to be asked for again
                continue
            if isinstance(event, SessionStarted):
                self.started(event)
            elif isinstance(event, SessionEnded):
                self.ended(event.session_sha256)

    def started(self, event: SessionStarted) -> None:
        """It opens from now on."""
        self._remember(
            SessionRow(
                event.session_sha256,
                event.session_id,
                event.user_id,
                event.method,
                event.envelope.occurred_at_us,
                event.expires_at_us,
                None,
                event.login,
            )
        )

    def ended(self, session_sha256: str) -> None:
        """It opens nothing any more, and what is streamed by it ends."""
        self._known.pop(session_sha256)
        self._ended.add(session_sha256)
        self._on_ended(session_sha256)

    def _remember(self, row: SessionRow) -> _Known:
        known = self._known[row.session_sha256] = _Known(monotonic_s() + self._ttl_s, row)
        return known
