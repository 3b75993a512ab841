"""Which sessions of a user were ended, cached briefly and kept current by the account-events tail.

A cookie says after how many ends of all sessions it was made: not a count, but the place of the last one in the log,
for the log puts the two in one order whatever the clocks of their makers say. It opens nothing once a later end is
seen.

The tail tells every end that comes while the process runs. What was before, the projections tell, and they may be a
little behind: so a young process asks them again and again, an old one rarely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from api.access.ports import SessionReads
from api.streaming.ports import LogRecord
from infra.cassandra.errors import StoreUnavailable
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded
from projections.order import order_key
from schemas.account import SessionsEnded
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from topics.catalogue import ACCOUNT_EVENTS, Catalogue

YOUNG_S = 60.0
YOUNG_TTL_S, TTL_S = 1.0, 30.0
MAX_USERS = 10_000
MAX_ENDED = 100_000
NONE_ENDED = 0


class SessionEnds:
    """By user the number of the last end of all sessions: NONE_ENDED, or its place in the log and one."""

    def __init__(
        self,
        reads: SessionReads,
        topics: Catalogue,
        on_ended: Callable[[str, int], None],
        young_s: float = YOUNG_S,
    ) -> None:
        self._reads = reads
        self._topics = topics
        self._on_ended = on_ended
        self._young_until_s = monotonic_s() + young_s
        self._read: Bounded[str, tuple[float, int]] = Bounded(MAX_USERS)
        # What was seen here counts, however far the projections are behind.
        self._seen: Bounded[str, int] = Bounded(MAX_ENDED)

    async def last(self, user_id: str) -> int:
        """The number of the user's last end of all sessions that is known now.

        Raises StoreUnavailable where the projections were never asked of this user and cannot be asked now.
        """
        known = self._read.get(user_id)
        if known is None or monotonic_s() >= known[0]:
            known = await self._asked(user_id, known)
        return max(known[1], self._seen.get(user_id) or NONE_ENDED)

    async def _asked(self, user_id: str, before: tuple[float, int] | None) -> tuple[float, int]:
        now_s = monotonic_s()
        until_s = now_s + (YOUNG_TTL_S if now_s < self._young_until_s else TTL_S)
        try:
            ended = await self._reads.sessions_ended(user_id)
        except StoreUnavailable:
            if before is None:
                raise
            return before
        known = self._read[user_id] = until_s, NONE_ENDED if ended is None else ended + 1
        return known

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except (UndecodableRecord, NewerRecord):
                continue  # the projections will tell what this process does not understand
            if isinstance(event, SessionsEnded):
                at = self._topics.position(ACCOUNT_EVENTS, record.partition() or 0, record.offset() or 0)
                self.ended(event.user_id, at)

    def ended(self, user_id: str, at: Position) -> None:
        """All sessions of the user before this place are over, and so are their streams."""
        number = order_key(at) + 1
        self._seen[user_id] = max(number, self._seen.get(user_id) or NONE_ENDED)
        self._on_ended(user_id, number)
