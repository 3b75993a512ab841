"""Keys and their users, cached for seconds and kept current by the account-events tail.

A key that was revoked opens nothing from the moment its event is read here, whatever the projections still say; its
open streams end. A key that was just made opens from that moment, before the projections know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hmac import compare_digest

from api.access.people import People
from api.access.ports import KeyReads
from api.access.principal import Principal, Standing, holder_of
from api.access.shared_reads import SharedReads
from api.access.unknown_keys import TooManyMisses, UnknownKeys
from api.streaming.ports import LogRecord
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.runtime.bounded import Bounded, Seen
from projections.accounts.queries import ApiKeyRow
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.identity import NO_LIMITS, ApiKeyChanged
from topics.catalogue import ACCOUNT_EVENTS

TTL_S = 5.0
MAX_KEYS = 10_000
MAX_REVOKED = 100_000
MAX_MISSED = 1000
_log = get_logger(__name__)


@dataclass(slots=True)
class _Known:
    """A key that opens something. `standing`: what its user was when `principal` was put together."""

    until_s: float
    row: ApiKeyRow
    standing: Standing | None = None
    principal: Principal | None = None

    def held_by(self, standing: Standing) -> Principal | None:
        """Who comes with it, its user being this."""
        if self.standing is not standing:
            self.principal, self.standing = holder_of(self.row, standing), standing
        return self.principal


class KeyCache:
    """Bounded: the least recently stored goes first."""

    def __init__(
        self,
        reads: KeyReads,
        people: People,
        on_revoked: Callable[[str], None],
        ttl_s: float = TTL_S,
        unknown: UnknownKeys | None = None,
    ) -> None:
        self._reads = reads
        self._people = people
        self._on_revoked = on_revoked
        self._ttl_s = ttl_s
        self._known: Bounded[str, _Known] = Bounded(MAX_KEYS)
        self._revoked: Seen[str] = Seen(MAX_REVOKED)
        self._missed: Bounded[str, float] = Bounded(MAX_MISSED)
        self._unknown = unknown or UnknownKeys()
        self._shared: SharedReads[_Known | None] = SharedReads(own=(TooManyMisses,))

    async def principal(self, key_sha256: str, address: str = "") -> Principal | None:
        """The holder of the key with this hash, who asks from `address`; None for one that opens nothing.

        Whether they are suspended, and their key too old, the caller checks. A key that opened something here is always
        looked up; one that never did, as often as its address may be wrong (api.access.unknown_keys). However many ask
        for one key at a time, it is read once. Raises TooManyMisses, and what the projections raise.
        """
        known = await self._key(key_sha256, address)
        if known is None:
            return None
        standing = self._people.known(known.row.user_id)
        if standing is not None:
            return known.held_by(standing)
        principal = known.held_by(await self._people.standing(known.row.user_id))
        return None if key_sha256 in self._revoked else principal

    async def _key(self, key_sha256: str, address: str) -> _Known | None:
        if key_sha256 in self._revoked:
            return None
        known = self._known.get(key_sha256)
        if known is not None and monotonic_s() < known.until_s:
            return known
        if monotonic_s() < (self._missed.get(key_sha256) or 0.0):
            return None

        async def read() -> _Known | None:
            return await self._read(key_sha256)

        # A key that is known may be read in any case.
        asked = read if known is not None else lambda: self._unknown.ask(address, read)
        return await self._shared.ask(key_sha256, asked)

    async def _read(self, key_sha256: str) -> _Known | None:
        row = await self._reads.api_key(key_sha256)
        if key_sha256 in self._revoked:
            return None  # revoked while the projections were asked
        if row is None or row.revoked or not compare_digest(row.key_sha256, key_sha256):
            known = self._known.get(key_sha256)
            if known is not None and monotonic_s() < known.until_s:
                return known  # made while the projections were asked
            self._known.pop(key_sha256)
            self._miss(key_sha256)
            return None
        return self._remember(row)

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except UndecodableRecord:
                continue
            except NewerRecord as error:
                # It may be a revocation: whatever is known here is to be asked for again.
                for known in self._known.values():
                    known.until_s = 0.0
                self._missed.clear()
                _log.warning("cannot read a record of account-events: cached keys are dropped", reason=str(error))
                continue
            if isinstance(event, ApiKeyCreated):
                self.created(event)
            elif isinstance(event, ApiKeyRevoked):
                self.revoked(event.key_sha256)
            elif isinstance(event, ApiKeyChanged):
                self.changed(event)

    def created(self, event: ApiKeyCreated) -> None:
        """A key was made: it opens from now on what it says."""
        self._remember(
            ApiKeyRow(
                event.key_sha256,
                event.key_id,
                event.user_id,
                event.label,
                event.hint,
                event.envelope.occurred_at_us,
                None,
                scopes=event.scopes,
                expires_at_us=event.expires_at_us,
                limits=event.limits or NO_LIMITS,
                organisation_id=event.organisation_id,
            )
        )

    def changed(self, event: ApiKeyChanged) -> None:
        """A key has other limits: they count from now on."""
        known = self._known.get(event.key_sha256)
        if known is not None and event.limits is not None:
            known.row, known.standing = replace(known.row, limits=event.limits), None

    def revoked(self, key_sha256: str) -> None:
        """A key was revoked: it opens nothing any more, and its streams end."""
        self._known.pop(key_sha256)
        self._revoked.add(key_sha256)
        self._on_revoked(key_sha256)

    def _miss(self, key_sha256: str) -> None:
        """Who goes on with it is not read each time. Remembered apart, so that guesses push out nobody's key."""
        self._missed[key_sha256] = monotonic_s() + self._ttl_s

    def _remember(self, row: ApiKeyRow) -> _Known:
        self._missed.pop(row.key_sha256)
        known = self._known[row.key_sha256] = _Known(monotonic_s() + self._ttl_s, row)
        return known
