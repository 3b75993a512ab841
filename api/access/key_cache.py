"""Keys and their users, cached for seconds and kept current by the account-events tail.

A key that was revoked opens nothing from the moment its event is read here, whatever the projections still say; its
open streams end. A key that was just made opens from that moment, before the projections know it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hmac import compare_digest

from api.access.ports import KeyReads
from api.access.unknown_keys import TooManyMisses, UnknownKeys
from api.streaming.ports import LogRecord
from api.streaming.readers import Credential
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.runtime.bounded import Bounded, Seen
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.codec import NewerRecord, UndecodableRecord
from topics.catalogue import ACCOUNT_EVENTS

TTL_S = 5.0
MAX_KEYS = 10_000
MAX_REVOKED = 100_000
MAX_MISSED = 1000
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, by one of their keys. `session`: by a cookie, which came after so many ends of all sessions."""

    user_id: str
    key_id: str
    key_sha256: str
    session: int | None = None

    @property
    def credential(self) -> Credential:
        """What their streams are read by."""
        return Credential(self.key_sha256, self.user_id, self.session)


class _GivenUp:
    """Who was asking for a key asks no more, and learned nothing that others may go by."""


_GIVEN_UP = _GivenUp()


class KeyCache:
    """Bounded: the least recently stored goes first."""

    def __init__(
        self,
        reads: KeyReads,
        on_revoked: Callable[[str], None],
        ttl_s: float = TTL_S,
        unknown: UnknownKeys | None = None,
    ) -> None:
        self._reads = reads
        self._on_revoked = on_revoked
        self._ttl_s = ttl_s
        self._known: Bounded[str, tuple[float, Principal]] = Bounded(MAX_KEYS)
        self._revoked: Seen[str] = Seen(MAX_REVOKED)
        self._missed: Bounded[str, float] = Bounded(MAX_MISSED)
        self._unknown = unknown or UnknownKeys()
        self._asked: dict[str, asyncio.Future[Principal | _GivenUp | None]] = {}

    async def principal(self, key_sha256: str, address: str = "") -> Principal | None:
        """The holder of the key with this hash, who asks from `address`; None for one that opens nothing.

        A key that opened something here is always looked up; one that never did, as often as its address may be wrong
        (api.access.unknown_keys). However many ask for one key at a time, it is read once. Raises TooManyMisses, and
        what the projections raise.
        """
        if key_sha256 in self._revoked:
            return None
        known = self._known.get(key_sha256)
        if known is not None and monotonic_s() < known[0]:
            return known[1]
        if monotonic_s() < (self._missed.get(key_sha256) or 0.0):
            return None
        asked = self._asked.get(key_sha256)
        while asked is not None:
            answer = await asyncio.shield(asked)
            if not isinstance(answer, _GivenUp):
                return answer
            asked = self._asked.get(key_sha256)
        return await self._ask(key_sha256, None if known is not None else address)

    async def _ask(self, key_sha256: str, address: str | None) -> Principal | None:
        """`address` None: the key is known, and may be read in any case."""
        asked = self._asked[key_sha256] = asyncio.get_running_loop().create_future()
        # If no other caller waits for it, no other caller sees its error.
        asked.add_done_callback(lambda done: done.exception())

        async def read() -> Principal | None:
            return await self._read(key_sha256)

        try:
            found = await (read() if address is None else self._unknown.ask(address, read))
        except Exception as error:
            asked.set_result(_GIVEN_UP) if isinstance(error, TooManyMisses) else asked.set_exception(error)
            raise
        except BaseException:
            asked.set_result(_GIVEN_UP)  # each waiting caller asks again itself
            raise
        else:
            asked.set_result(found)
            return found
        finally:
            del self._asked[key_sha256]

    async def _read(self, key_sha256: str) -> Principal | None:
        row = await self._reads.api_key(key_sha256)
        if key_sha256 in self._revoked:
            return None  # revoked while the projections were asked
        if row is None or row.revoked or not compare_digest(row.key_sha256, key_sha256):
            known = self._known.get(key_sha256)
            if known is not None and monotonic_s() < known[0]:
                return known[1]  # made while the projections were asked
            self._known.pop(key_sha256)
            self._miss(key_sha256)
            return None
        principal = Principal(row.user_id, row.key_id, key_sha256)
        self._remember(principal)
        return principal

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except UndecodableRecord:
                continue
            except NewerRecord as error:
                # It may be a revocation: whatever is known here is to be asked for again.
                for key, (_, principal) in self._known.items():
                    self._known[key] = 0.0, principal
                self._missed.clear()
                _log.warning("cannot read a record of account-events: cached keys are dropped", reason=str(error))
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
        self._known.pop(key_sha256)
        self._revoked.add(key_sha256)
        self._on_revoked(key_sha256)

    def _miss(self, key_sha256: str) -> None:
        """Who goes on with it is not read each time. Remembered apart, so that guesses push out nobody's key."""
        self._missed[key_sha256] = monotonic_s() + self._ttl_s

    def _remember(self, principal: Principal) -> None:
        self._missed.pop(principal.key_sha256)
        self._known[principal.key_sha256] = (monotonic_s() + self._ttl_s, principal)
