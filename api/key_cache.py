"""Whose a key is: the projections' answer, remembered for seconds, and kept true by the account-events tail.

A key that was revoked opens nothing from the moment its event is read here, whatever the projections still say; its
open streams end. A key that was just made opens from that moment, before the projections know it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hmac import compare_digest

from api.ports import AccountReads
from api.tail_hub import LogRecord
from infra.clock import monotonic_s
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.codec import UndecodableRecord, decode

TTL_S = 5.0
MOST_KEYS = 10_000
MOST_REVOKED = 100_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, by one of their keys."""

    user_id: str
    key_id: str
    key_sha256: str


class KeyCache:
    """Bounded: the least recently stored goes first."""

    def __init__(self, reads: AccountReads, on_revoked: Callable[[str], None], ttl_s: float = TTL_S) -> None:
        self._reads = reads
        self._on_revoked = on_revoked
        self._ttl_s = ttl_s
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._revoked: OrderedDict[str, None] = OrderedDict()

    async def principal(self, key_sha256: str) -> Principal | None:
        """The holder of the key with this hash; None for one that opens nothing. Raises what the projections raise."""
        if key_sha256 in self._revoked:
            return None
        known = self._known.get(key_sha256)
        if known is not None and monotonic_s() < known[0]:
            return known[1]
        row = await self._reads.api_key(key_sha256)
        if row is None or row.revoked or not compare_digest(row.key_sha256, key_sha256):
            self._known.pop(key_sha256, None)  # what opens nothing is not remembered: guesses would fill the cache
            return None
        if key_sha256 in self._revoked:
            return None  # revoked while the projections were asked
        principal = Principal(row.user_id, row.key_id, key_sha256)
        self._remember(principal)
        return principal

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = decode(record.value())
            except UndecodableRecord:
                continue
            if isinstance(event, ApiKeyCreated):
                self.created(event)
            elif isinstance(event, ApiKeyRevoked):
                self.revoked(event.key_sha256)

    def created(self, event: ApiKeyCreated) -> None:
        """A key was made: it opens from now on."""
        self._remember(Principal(event.user_id, event.key_id, event.key_sha256))

    def revoked(self, key_sha256: str) -> None:
        """A key was revoked: it opens nothing any more, and its streams end."""
        self._known.pop(key_sha256, None)
        self._revoked[key_sha256] = None
        if len(self._revoked) > MOST_REVOKED:
            self._revoked.popitem(last=False)
        self._on_revoked(key_sha256)

    def _remember(self, principal: Principal) -> None:
        self._known[principal.key_sha256] = (monotonic_s() + self._ttl_s, principal)
        self._known.move_to_end(principal.key_sha256)
        if len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
