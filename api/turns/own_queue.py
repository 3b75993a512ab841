"""How many requests of one user wait: a tier's bound, counted by the process that was asked.

A request waits from its admission until its first attempt begins, or it ends. With several processes each has its part
of the bound, as with limits while Redis is away.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from api.http.errors import ApiError
from api.streaming.feed import Feed
from api.streaming.tail_hub import TailHub
from infra.tiers.tier import Tier

if TYPE_CHECKING:
    from api.turns.joining import Opened

RETRY_AFTER_S = 2


class TooManyWait(ApiError):
    """More requests of the user would wait than those of their tier may; nothing was recorded."""

    def __init__(self, most: int) -> None:
        super().__init__(
            429,
            f"Rate limit reached: {most} requests waiting at a time. Please try again when some of yours have begun.",
            code="rate_limit_exceeded",
            error_type="requests",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )


class Places:
    """Those of one request: `follow` its answers, or `leave`."""

    def __init__(self, queue: OwnQueue, user_id: str, count: int) -> None:
        self._queue = queue
        self._user_id = user_id
        self._left = count

    def follow(self, hub: TailHub, opened: Opened) -> None:
        """Each place is given back when its answer begins. Of a repeat nothing waits here."""
        if opened.replayed:
            self.leave()
            return
        for each in opened.all:
            turn = each.turn
            feed = hub.open(turn.generation_id, turn.conversation_id, turn.user_id)

            def begun(feed: Feed = feed) -> None:
                hub.close(feed)
                self._give_back(1)

            feed.when_begun(begun)

    def leave(self) -> None:
        """Nothing of it waits any more."""
        self._give_back(self._left)

    def _give_back(self, count: int) -> None:
        self._left -= count
        self._queue.left(self._user_id, count)


class OwnQueue:
    """`processes`: each of so many has that part of every bound, but at least 1."""

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._waiting: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, user_id: str, tier: Tier, count: int) -> Places | None:
        """Places for so many answers; None: the tier has no bound. Raises TooManyWait."""
        if tier.max_queued is None:
            return None
        most = max(tier.max_queued // self._processes, 1)
        waiting = self._waiting[user_id]
        if waiting + count > most:
            if not waiting:
                del self._waiting[user_id]
            raise TooManyWait(most)
        self._waiting[user_id] = waiting + count
        return Places(self, user_id, count)

    def left(self, user_id: str, count: int) -> None:
        self._waiting[user_id] -= count
        if self._waiting[user_id] <= 0:
            del self._waiting[user_id]
